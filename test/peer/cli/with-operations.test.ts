import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import type { CliContext, Messenger } from "../../../peer/cli/context.ts";
import { createOutput } from "../../../peer/cli/output.ts";
import { withOperations } from "../../../peer/cli/with-operations.ts";
import { ChatError } from "../../../shared/errors.ts";
import { expectError } from "../../support/expect-error.ts";
import { terminal } from "../../support/fake-daemon.ts";
import { ALICE, fakeFeed, fakeOperations, fakePresence, MESSAGE, NO_ACCESS } from "../../support/fake-operations.ts";

/** A command over a profile that is not real, interrupted while the profile opens. */
function interruptedWhileOpening() {
  const { home, profile } = terminal();
  const interruption = new AbortController();
  const log: string[] = [];
  const messenger: Messenger = {
    operations: fakeOperations(),
    feed: fakeFeed([]),
    presence: fakePresence(),
    access: NO_ACCESS,
    ready: { ...ALICE, addresses: [] },
    goOnline: async () => undefined,
    stop: async () => void log.push("stop"),
  };
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough(), env: {} };
  const context: CliContext = {
    settings: { home, profile: "default", allowHttp: false, lan: false, upnp: false },
    verbose: false,
    output: createOutput(streams, { json: true, quiet: false }),
    terminal: streams,
    dependencies: {
      openDirectory: () => ({ path: profile, file: (name) => `${profile}/${name}` }),
      tryLock: async () => ({ release: () => void log.push("release") }),
      loadDoctor: () => Promise.reject(new Error("not loaded here")),
      loadRelay: () => Promise.reject(new Error("no relay here")),
      loadSandbox: () => Promise.reject(new Error("no sandbox here")),
      loadPrograms: async () => ({
        openMessenger: async () => {
          interruption.abort(new ChatError("INTERRUPTED", "interrupted"));
          return messenger;
        },
        registerProfile: async () => ALICE,
        queueMessage: async (_options, { to }) => ({ id: MESSAGE.id, to, state: "queued", devices: [] }),
        changePassphrase: async () => undefined,
        isSealed: async () => false,
        checkPassphrase: async () => undefined,
      }),
    },
    interruption: { signal: interruption.signal, by: "SIGINT", [Symbol.dispose]: () => undefined },
  };
  return { context, log };
}

test("an interruption while the profile opens begins nothing, and frees the profile", async () => {
  const { context, log } = interruptedWhileOpening();
  const run = async () => void log.push("run");
  await expectError(withOperations(context, { network: true, run }), "INTERRUPTED");
  expect(log).toEqual(["stop", "release"]);
});
