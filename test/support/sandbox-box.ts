import { type Line, Program } from "./program.ts";
import { PROGRAMS } from "./programs.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

export const STARTED_WITHIN_MS = 60_000;
/** The pause before the next try is most of it. */
const DELIVERED_WITHIN_MS = 60_000;

type Status = {
  readonly stations: readonly { readonly name: string; readonly state: string; readonly pid: number | null }[];
  readonly faults: readonly object[];
};

/** `p2pchat sandbox`, and what a test types into it. */
export class Box {
  readonly temporary = temporaryDirectory();
  readonly program: Program;

  constructor(args: readonly string[] = [], stdin: "open" | string = "open") {
    const command = [process.execPath, PROGRAMS.p2pchat, "sandbox", "--json", ...args];
    this.program = new Program(command, { directory: this.temporary, env: this.environment(), stdin });
  }

  static async start(...args: readonly string[]): Promise<Box & { readonly line: Line }> {
    const box = new Box(args);
    return Object.assign(box, { line: await box.next("sandbox", STARTED_WITHIN_MS) });
  }

  environment(): Record<string, string> {
    const { temporary: place } = this;
    return { PATH: process.env["PATH"] ?? "", HOME: place, TMPDIR: place, NODE_COMPILE_CACHE: PROGRAMS.codeCache };
  }

  next(type: string, timeoutMs?: number): Promise<Line> {
    return this.program.next((line) => line.type === type, timeoutMs);
  }

  order(...orders: readonly string[]): void {
    for (const order of orders) this.program.stdin.write(`${order}\n`);
  }

  async status(): Promise<Status> {
    this.order("status");
    return (await this.next("sandbox-status")) as unknown as Status;
  }

  async send(from: string, to: string, text: string): Promise<unknown> {
    this.order(`send ${from} ${to} ${text}`);
    const { result } = (await this.next("sandbox-sent")) as unknown as { result: { state: string } };
    return result.state;
  }

  /** Sends, and it is shown over there, however long that takes. */
  async deliver(from: string, to: string, text: string): Promise<Line> {
    await this.send(from, to, text);
    return await this.shown(to, text);
  }

  shown(peer: string, text: string, timeoutMs = DELIVERED_WITHIN_MS): Promise<Line> {
    return this.program.next((line) => line["peer"] === peer && textOf(line) === text, timeoutMs);
  }

  /** How often that message was shown to them. */
  count(peer: string, text: string): number {
    return this.program.seen.filter((line) => line["peer"] === peer && textOf(line) === text).length;
  }

  async pids(): Promise<number[]> {
    const { stations } = await this.status();
    return stations.flatMap(({ pid }) => pid ?? []);
  }

  /** As somebody in another terminal. */
  run(profile: string, ...args: readonly string[]) {
    const env = { ...this.environment(), P2PCHAT_HOME: String(this.program.seen[0]?.["directory"]) };
    const command = [process.execPath, PROGRAMS.p2pchat, "--json", "--profile", profile, ...args];
    return new Program(command, { directory: this.temporary, env }).outcome();
  }
}

function textOf({ event }: Line): unknown {
  return typeof event === "object" && event !== null && "text" in event ? event.text : undefined;
}
