import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PresenceFeed } from "../../peer/messaging/operations/feed.ts";
import type { Operations } from "../../peer/messaging/operations.ts";
import { startTestServer } from "./control-socket.ts";
import { ALICE, fakeOperations, fakePresence } from "./fake-operations.ts";
import { type Outcome, Program, type StartOptions } from "./program.ts";
import { PROGRAMS } from "./programs.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

export type Terminal = {
  readonly home: string;
  /** The directory of the profile. */
  readonly profile: string;
  start(args: readonly string[], stdin?: StartOptions["stdin"]): Program;
  run(args: readonly string[], stdin?: StartOptions["stdin"]): Promise<Outcome>;
};

/** A home with one registered profile, and the real program in processes of its own. */
export function terminal(env: Readonly<Record<string, string>> = {}): Terminal {
  const home = temporaryDirectory();
  const profile = join(home, "default");
  mkdirSync(profile, { mode: 0o700 });
  writeFileSync(join(profile, "profile.json"), JSON.stringify({ peerId: ALICE.peerId }), { mode: 0o600 });
  const environment = {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    P2PCHAT_HOME: home,
    TZ: "UTC",
    NODE_COMPILE_CACHE: PROGRAMS.codeCache,
    ...env,
  };
  const start: Terminal["start"] = (args, stdin = "") =>
    new Program([process.execPath, PROGRAMS.p2pchat, ...args], { env: environment, directory: home, stdin });
  return { home, profile, start, run: (args, stdin) => start(args, stdin).outcome() };
}

/** The same with a daemon that answers as the test says. */
export async function terminalWithDaemon(
  replaced: Partial<Operations> = {},
  presence: PresenceFeed = fakePresence(),
): Promise<Terminal> {
  const own = terminal();
  await startTestServer({ directory: own.profile, operations: fakeOperations(replaced), presence });
  return own;
}
