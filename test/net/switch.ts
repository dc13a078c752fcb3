import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Namespace } from "./namespace.ts";

export type Conditions = {
  /** From any public address to any other, one way. */
  readonly delayMs?: number;
  readonly lossPercent?: number;
};

export type Switch = {
  plug(cable: string): Promise<void>;
  unplug(cable: string): Promise<void>;
  /** Nothing that comes from there is passed on, until it is plugged in. */
  mute(cable: string): Promise<void>;
  /** Nothing is passed on to there, until it is plugged in. */
  deafen(cable: string): Promise<void>;
  setConditions(conditions: Conditions): Promise<void>;
};

const PROGRAM = fileURLToPath(new URL("switch.py", import.meta.url));

/** Connects the cables that end in that namespace; ends with it. */
export async function startSwitch(namespace: Namespace): Promise<Switch> {
  const { stdin, stdout } = namespace.start(["python3", PROGRAM]);
  const answers = createInterface({ input: stdout })[Symbol.asyncIterator]();
  const command = async (line: string) => {
    if (line !== "") stdin.write(`${line}\n`);
    if ((await answers.next()).value !== "ok") throw new Error(`the switch does not obey "${line}"`);
  };
  await command("");
  return {
    plug: (cable) => command(`plug ${cable}`),
    unplug: (cable) => command(`unplug ${cable}`),
    mute: (cable) => command(`mute ${cable}`),
    deafen: (cable) => command(`deafen ${cable}`),
    async setConditions({ delayMs = 0, lossPercent = 0 }) {
      await command(`delay ${delayMs}`);
      await command(`loss ${lossPercent}`);
    },
  };
}
