import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import type { Dependencies, Messenger, OpenOptions, Programs } from "../../../peer/cli/context.ts";
import { runProgram } from "../../../peer/cli/program.ts";
import type { ChatEvent, Feed } from "../../../peer/messaging/operations/feed.ts";
import { ChatError } from "../../../shared/errors.ts";
import { terminal } from "../../support/fake-daemon.ts";
import { ALICE, fakeFeed, fakeOperations, fakePresence, MESSAGE, NO_ACCESS } from "../../support/fake-operations.ts";
import { complaintAbout } from "../../support/printed.ts";

type Rig = {
  readonly events?: readonly ChatEvent[];
  readonly feed?: Feed;
  readonly heldBy?: number;
  readonly operations?: Parameters<typeof fakeOperations>[0];
  readonly programs?: Partial<Programs>;
};

/** The command line in this process, over a profile that is not real; `log` tells what was done, in order. */
function rig({ events = [], feed = fakeFeed(events), heldBy, operations, programs }: Rig = {}) {
  const log: string[] = [];
  const opened: OpenOptions[] = [];
  const { home, profile } = terminal();
  const messenger: Messenger = {
    operations: fakeOperations(operations),
    feed,
    presence: fakePresence(),
    access: NO_ACCESS,
    ready: { username: ALICE.username, peerId: ALICE.peerId, addresses: ["/ip4/127.0.0.1/tcp/1"] },
    goOnline: async () => undefined,
    stop: async () => void log.push("stop"),
  };
  const dependencies: Dependencies = {
    openDirectory: () => ({ path: profile, file: (name) => `${profile}/${name}` }),
    tryLock: async () => {
      if (heldBy !== undefined) return { heldBy };
      log.push("lock");
      return { release: () => void log.push("release") };
    },
    loadDoctor: () => Promise.reject(new Error("not loaded here")),
    loadRelay: () => Promise.reject(new Error("no relay here")),
    loadSandbox: () => Promise.reject(new Error("no sandbox here")),
    loadPrograms: async () => ({
      openMessenger: async (options) => {
        log.push(`open ${options.mode}`);
        opened.push(options);
        return messenger;
      },
      registerProfile: async () => ALICE,
      queueMessage: async (_options, { to }) => ({ id: MESSAGE.id, to, state: "queued", devices: [] }),
      changePassphrase: async () => undefined,
      isSealed: async () => false,
      checkPassphrase: async () => undefined,
      ...programs,
    }),
  };
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const run = (...argv: string[]) =>
    runProgram({
      argv,
      version: "1",
      dependencies,
      terminal: { stdin: new PassThrough(), stdout, stderr, env: { HOME: home, P2PCHAT_HOME: home } },
    });
  return { run, stdout, stderr, log, opened };
}

function printedOn(stream: PassThrough): string {
  let printed = "";
  for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) printed += chunk;
  return printed;
}

function linesOf(stream: PassThrough): unknown[] {
  return printedOn(stream)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
    .map((line) => {
      expect(complaintAbout(line)).toBeUndefined();
      return line;
    });
}

/** A feed that ends after its events, as on a fault. */
function endingFeed(events: readonly ChatEvent[], shown: (cursor: number) => void, error?: Error): Feed {
  const tell = async function* () {
    yield* events;
    if (error) throw error;
  };
  return {
    shown,
    events: tell,
    consume: async () => ({ events: tell, acknowledge: shown, close: () => undefined }),
  };
}

const message = (cursor: number): ChatEvent => ({ type: "message", ...MESSAGE, cursor });

describe("listen", () => {
  test("says that it is ready, then prints each event as it comes", async () => {
    const events: ChatEvent[] = [
      message(7),
      { type: "presence", username: "bob", online: true },
      { type: "key-change", username: "bob", oldFingerprint: "a", newFingerprint: "b" },
      { type: "gap", from: "bob", fromSeq: 2, toSeq: 3, cursor: 8 },
      { type: "error", code: "SERVER_UNREACHABLE", message: "no" },
    ];
    const { run, stdout } = rig({ feed: endingFeed(events, () => undefined) });
    expect(await run("listen", "--json")).toBe(0);
    expect(linesOf(stdout)).toEqual([
      { v: 1, type: "ready", username: "alice", peerId: ALICE.peerId, addresses: ["/ip4/127.0.0.1/tcp/1"] },
      ...events.map((event) => ({ v: 1, ...event })),
    ]);
  });

  test("shows people one line for each, and says on stderr where it listens", async () => {
    const { run, stdout, stderr } = rig({
      feed: endingFeed([message(7), { type: "gap", from: "bob", fromSeq: 2, toSeq: 3, cursor: 8 }], () => undefined),
    });
    await run("listen");
    expect(printedOn(stdout)).toMatch(/^[-0-9]{10} [0-9:]{5} bob: hi\n\* messages 2 to 3 are missing from bob\n$/);
    expect(printedOn(stderr)).toContain("listening as alice");
  });

  test("marks a message or gap as shown once it is written, each before the next is printed", async () => {
    const order: string[] = [];
    const gap: ChatEvent = { type: "gap", from: "bob", fromSeq: 2, toSeq: 3, cursor: 8 };
    const { run, stdout } = rig({
      feed: endingFeed([message(7), gap, message(9)], (cursor) => order.push(`shown ${cursor}`)),
    });
    stdout.on("data", (data) => order.push(`printed ${JSON.parse(String(data)).cursor ?? "ready"}`));
    await run("listen", "--json");
    expect(order).toEqual([
      "printed ready",
      ...["printed 7", "shown 7"],
      ...["printed 8", "shown 8"],
      ...["printed 9", "shown 9"],
    ]);
  });

  test("stops when nobody reads any more, and what was not printed is not marked", async () => {
    const feed = fakeFeed([message(7), message(8)]);
    const { run, stdout, log } = rig({ feed });
    stdout.destroy();
    expect(await run("listen", "--json")).toBe(0);
    expect(feed.cursors).toEqual([]);
    expect(log).toEqual(["lock", "open daemon", "stop", "release"]);
  });

  test("opens the port and begins behind the cursor that were asked for", async () => {
    const asked: unknown[] = [];
    const feed: Feed = {
      ...endingFeed([], () => undefined),
      async consume(options) {
        asked.push(options);
        return await endingFeed([], () => undefined).consume(options);
      },
    };
    const { run, opened } = rig({ feed });
    const place = ["--port", "4001", "--host", "127.0.0.1,::1", "--announce", "/ip4/203.0.113.7/tcp/9000"];
    await run("listen", ...place, "--since", "12");
    const hosts = ["127.0.0.1", "::1"];
    const announce = ["/ip4/203.0.113.7/tcp/9000"];
    expect(opened).toMatchObject([{ mode: "daemon", port: 4001, hosts, announce, network: true }]);
    expect(asked).toEqual([{ consumer: "listen", since: 12 }]);
  });

  test.each([
    ["--port", "65536"],
    ["--port", "x"],
    ["--port", "1.5"],
    ["--since", "1e3"],
    ["--exec", "/nowhere/command"],
    ["--exec", "echo hi"],
    ["--exec", "cat", "--ack"],
    ["--exec", "cat", "--jobs", "0"],
    ["--exec", "cat", "--exec-timeout", "long"],
    ["--jobs", "2"],
    ["--exec-timeout", "2s"],
    ["--consumer", "../x"],
    ["stray", "words"],
  ])("refuses %s %s before it touches the profile", async (...options) => {
    const { run, log } = rig();
    expect(await run("listen", ...options)).toBe(1);
    expect(log).toEqual([]);
  });

  test("ends with the feed's error, after it has stopped and freed the profile", async () => {
    const error = new ChatError("STORAGE", "the disk is gone");
    const { run, stdout, log } = rig({ feed: endingFeed([], () => undefined, error) });
    expect(await run("listen", "--json")).toBe(3);
    expect(linesOf(stdout)).toMatchObject([{ type: "ready" }, { type: "error", code: "STORAGE" }]);
    expect(log.slice(-2)).toEqual(["stop", "release"]);
  });

  test("ends, having said so, where the profile is an old copy that delivers nothing any more", async () => {
    const feed = fakeFeed([message(7), { type: "error", code: "PROFILE_UNSAFE", message: "an old copy" }, message(8)]);
    const { run, stdout, log } = rig({ feed });
    expect(await run("listen", "--json")).toBe(1);
    expect(linesOf(stdout)).toMatchObject([
      { type: "ready" },
      { type: "message", cursor: 7 },
      { type: "error", code: "PROFILE_UNSAFE" },
    ]);
    expect(feed.cursors).toEqual([7]);
    expect(log.slice(-2)).toEqual(["stop", "release"]);
  });

  test("frees the profile where it cannot be opened", async () => {
    const openMessenger = () => Promise.reject(new ChatError("PASSPHRASE_WRONG", "no"));
    const { run, log } = rig({ programs: { openMessenger } });
    expect(await run("listen")).toBe(6);
    expect(log).toEqual(["lock", "release"]);
  });
});

describe("another command without a daemon", () => {
  test("works by itself, then stops and frees the profile", async () => {
    const { run, stdout, log } = rig();
    expect(await run("whoami", "--json")).toBe(0);
    expect(linesOf(stdout)).toMatchObject([{ type: "whoami" }]);
    expect(log).toEqual(["lock", "open oneshot", "stop", "release"]);
  });

  test("does so after a failure too", async () => {
    const lookup = () => Promise.reject(new ChatError("NAME_UNKNOWN", "no"));
    const { run, log } = rig({ operations: { lookup } });
    expect(await run("lookup", "bob")).toBe(8);
    expect(log).toEqual(["lock", "open oneshot", "stop", "release"]);
  });

  test("asks for no network where it only reads what is here", async () => {
    const { run, opened } = rig();
    await run("history", "bob");
    await run("send", "bob", "hi");
    expect(opened).toMatchObject([{ network: false }, { network: true }]);
  });
});

describe("a profile that stays in use", () => {
  test("lets send queue its message: exit 7, or 0 where that was all it was to do", async () => {
    const { run, stdout, log } = rig({ heldBy: 4711 });
    expect(await run("send", "bob", "hi", "--timeout", "50ms", "--json")).toBe(7);
    expect(await run("send", "bob", "hi", "--timeout", "50ms", "--json", "--wait", "queued")).toBe(0);
    expect(linesOf(stdout)).toMatchObject([
      { type: "send", state: "queued" },
      { type: "send", state: "queued" },
    ]);
    expect(log).toEqual([]);
  });

  test("is an error that names the holder where the message cannot be queued either", async () => {
    const queueMessage = () => Promise.reject(new ChatError("PROFILE_BUSY", "in use", { details: { pid: 4711 } }));
    const { run, stdout } = rig({ heldBy: 4711, programs: { queueMessage } });
    expect(await run("send", "bob", "hi", "--timeout", "50ms", "--json")).toBe(1);
    expect(linesOf(stdout)).toMatchObject([{ code: "PROFILE_BUSY", details: { pid: 4711 } }]);
  });

  test("is not waited for in silence", async () => {
    const { run, stderr } = rig({ heldBy: 4711 });
    await run("send", "bob", "hi", "--timeout", "1200ms");
    expect(printedOn(stderr)).toContain("waiting for process 4711");
  });
});
