import { ChatError } from "../shared/errors.ts";
import { openProfileDirectory, type ProfileDirectory } from "./identity/profile-directory.ts";
import { systemRuntime } from "./messaging/runtime.ts";
import type { Faults } from "./sandbox/links.ts";
import type { Peer } from "./sandbox/peer.ts";
import type { Answer, RunOptions } from "./sandbox/person.ts";
import type { Line, Outcome, Program } from "./sandbox/program.ts";
import { ownPrograms } from "./sandbox/programs.ts";
import type { Relay } from "./sandbox/relay.ts";
import { Sandbox, type SandboxOptions } from "./sandbox/sandbox.ts";
import type { Death, Station } from "./sandbox/station.ts";
import type { Chat } from "./sdk/chat.ts";
import { connectChat } from "./sdk/connect.ts";

/*
 * `import { sandbox } from "p2pchat/sandbox"`: a naming server, peers and relays as processes on this machine, for tests of
 * what talks to p2pchat, and for trying it out.
 */

export type {
  Answer,
  Chat,
  Death,
  Faults,
  Line,
  Outcome,
  Peer,
  Program,
  Relay,
  RunOptions,
  Sandbox,
  SandboxOptions,
  Station,
};
export { ChatError };

/**
 * Starts it; resolves once everybody listens and knows everybody. All of it is gone with `await using`, or once this process
 * is, however it ends.
 *
 * @throws ChatError USAGE for options that make no sense; INTERNAL or TIMED_OUT where a process does not start
 */
export function sandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  return Sandbox.start(options, { programs: ownPrograms(), runtime: systemRuntime, connect });
}

const dependencies = {
  openDirectory: openProfileDirectory,
  tryLock: async (directory: ProfileDirectory) =>
    (await import("./identity/profile-lock.ts")).tryAcquireProfileLock(directory),
};

function connect(place: { readonly home: string; readonly profile: string }): Promise<Chat> {
  return connectChat(place, dependencies);
}
