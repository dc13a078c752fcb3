import { describe, expect, test } from "vitest";
import { ChatError, type ErrorCode } from "../../../../shared/errors.ts";
import { LIMITS } from "../../../../shared/protocol.ts";
import { expectError } from "../../../support/expect-error.ts";
import { startKeyLog as start, syncedKeyLog as synced } from "../../../support/key-log.ts";
import { naiveRoot } from "../../../support/merkle.ts";
import { NOW_MS, NOW_SECONDS, personOf, recordOf } from "../../../support/people.ts";
import { leavesOf, SignedLog } from "../../../support/signed-log.ts";

const bob = personOf("bob");

describe("a log that keeps its word", () => {
  test("is followed from nothing, and from where it stood", async () => {
    const { source, log, store } = await synced();
    expect(log.status()).toMatchObject({ size: 3, root: naiveRoot(source.leaves), stale: false, forked: false });
    source.accept(await recordOf(bob));
    await log.sync();
    const hash = (await recordOf(bob)).hash;
    expect(log.recordsOf(bob.username)).toEqual([{ index: 3, hash }]);
    expect(log.recordsOf(bob.username, 3)).toHaveLength(1);
    expect(log.recordsOf(bob.username, 4)).toEqual([]);
    const again = start(source, store);
    expect(again.log.status()).toEqual(log.status());
    expect(again.log.recordsOf(bob.username)).toEqual([{ index: 3, hash }]);
  });

  test("is read in pages, each once", async () => {
    const { source, log } = start(new SignedLog(leavesOf(2500)));
    await log.sync();
    expect(source.pages).toBe(3);
    source.leaves.push(...leavesOf(10, "more"));
    await log.sync();
    expect(source.pages).toBe(4);
    expect(log.status().root).toEqual(naiveRoot(source.leaves));
  });

  test("is not asked again within the age that will do", async () => {
    const { source, log, clock } = await synced();
    source.failure = new ChatError("SERVER_UNREACHABLE", "not to be asked");
    clock.ms += 999;
    await log.sync({ maxAgeMs: 1000 });
    clock.ms += 1;
    await expectError(log.sync({ maxAgeMs: 1000 }), "SERVER_UNREACHABLE");
  });

  test("may show an older checkpoint than before, as a cache would", async () => {
    const { source, log } = await synced();
    source.leaves.push(...leavesOf(2, "more"));
    await log.sync();
    source.lies.note = source.noteAt(3, NOW_SECONDS - 60);
    await log.sync();
    expect(log.status().size).toBe(5);
  });

  test("is stale a day after its last checkpoint, and no longer once it is renewed", async () => {
    const { source, log, clock } = await synced();
    clock.ms += LIMITS.checkpointStaleSeconds * 1000;
    expect(log.status().stale).toBe(false);
    clock.ms += 1;
    await log.sync();
    expect(log.status().stale).toBe(true);
    source.time = Math.ceil(clock.ms / 1000);
    await log.sync();
    expect(log.status().stale).toBe(false);
  });

  test("is stale where its last checkpoint is of a day to come", async () => {
    const { source, log } = await synced();
    source.time = NOW_SECONDS + LIMITS.checkpointStaleSeconds;
    await log.sync();
    expect(log.status().stale).toBe(false);
    source.time += 1;
    await log.sync();
    expect(log.status().stale).toBe(true);
  });

  test("before it was ever seen is stale", () => {
    expect(start().log.status()).toMatchObject({ size: 0, signedAtMs: undefined, stale: true });
  });
});

describe("a log that does not is refused, and what was verified stays:", () => {
  test.each<[string, (log: SignedLog) => void, ErrorCode, string | undefined]>([
    ["one that shrinks", shrink, "LOG_INVALID", "shrunk"],
    ["another key", signWithAnotherKey, "LOG_INVALID", "key"],
    ["entries missing", (log) => grow(log, []), "LOG_INVALID", "root"],
    ["entries that were not signed", (log) => grow(log, leavesOf(1, "other")), "LOG_INVALID", "root"],
    ["another root for the same size", (log) => rewrite(log, 3), "LOG_FORKED", undefined],
    ["another past that has grown", (log) => rewrite(log, 5), "LOG_FORKED", undefined],
    ["another past that is shorter", (log) => rewrite(log, 2), "LOG_FORKED", undefined],
  ])("%s", async (_what, change, code, reason) => {
    const { source, log, store } = await synced();
    const [before, head] = [log.status(), store.log.head()];
    change(source);
    await expectError(log.sync(), code, reason);
    expect(log.status()).toEqual({ ...before, forked: code === "LOG_FORKED" });
    expect(store.log.head()).toEqual(head);
    expect(log.recordsOf(bob.username)).toEqual([]);
  });

  test("the log of another server", async () => {
    const { log } = start(new SignedLog([], "log key", "https://elsewhere.example.org"));
    await expectError(log.sync(), "LOG_INVALID", "key");
  });

  test("the checkpoint of another server, which is said to be that and no log begun anew", async () => {
    const { source, log } = await synced();
    source.lies.note = new SignedLog([], "another key", "https://elsewhere.example.org").noteAt();
    const error = await expectError(log.sync(), "LOG_INVALID", "key");
    expect(error.message).toBe("the log belongs to another server");
  });
});

function shrink(log: SignedLog): void {
  log.leaves.pop();
  log.time += 1;
}

function signWithAnotherKey(log: SignedLog): void {
  log.lies.note = new SignedLog(log.leaves, "another key").noteAt();
}

function grow(log: SignedLog, shown: readonly Uint8Array[]): void {
  log.leaves.push(...leavesOf(1, "more"));
  log.lies.entries = () => shown;
}

function rewrite(log: SignedLog, size: number): void {
  log.leaves = leavesOf(size, "other");
}

describe("proof of two logs", () => {
  test("is kept once, told once, shown to others, and outlives the process", async () => {
    const { source, log, store, forks } = await synced();
    const ours = source.noteAt();
    source.leaves = leavesOf(3, "other");
    await expectError(log.sync(), "LOG_FORKED");
    await expectError(log.sync(), "LOG_FORKED");
    expect(forks).toEqual([{ ours, theirs: source.noteAt(), from: undefined, seenAtMs: NOW_MS }]);
    expect(log.notes()).toEqual([ours, source.noteAt()]);
    expect(start(source, store).log.status().forked).toBe(true);
  });

  test("is found in what a contact shows", async () => {
    const { source, log, forks } = await synced();
    const fork = source.fork(leavesOf(3, "other"));
    expect(await log.compare(source.noteAt(2), bob.username)).toBe("agreed");
    await expectError(log.compare(fork.noteAt(2), bob.username), "LOG_FORKED");
    expect(forks).toEqual([{ ours: source.noteAt(), theirs: fork.noteAt(2), from: "bob", seenAtMs: NOW_MS }]);
  });

  test("is found in what a contact shows of a larger log, once this device has come that far", async () => {
    const { source, log } = await synced();
    const fork = source.fork([...source.leaves, ...leavesOf(1, "other")]);
    expect(await log.compare(fork.noteAt(), bob.username)).toBe("hidden");
    expect(log.status().forked).toBe(false);
    source.leaves.push(...leavesOf(1, "ours"));
    await expectError(log.compare(fork.noteAt(), bob.username), "LOG_FORKED");
  });

  test("is nothing that the log's key has not signed", async () => {
    const { source, log, forks } = await synced();
    const stranger = new SignedLog(leavesOf(3, "other"), "another key");
    await expectError(log.compare(stranger.noteAt(), bob.username), "NOTE_INVALID", "unsigned");
    await expectError(
      log.compare(source.noteAt().replace("\n3\n", "\n2\n"), bob.username),
      "NOTE_INVALID",
      "signature",
    );
    expect(forks).toEqual([]);
    expect(log.status().forked).toBe(false);
  });

  test("of the same kind, again and again, fills nothing", async () => {
    const { source, log, store } = await synced();
    for (let index = 0; index < 20; index += 1) {
      await log.compare(source.fork(leavesOf(3, `other ${index}`)).noteAt(), bob.username).catch(() => undefined);
    }
    expect(store.log.evidence().length).toBeLessThanOrEqual(8);
    expect(log.notes().length).toBeLessThanOrEqual(LIMITS.gossipMaxNotes);
  });
});

describe("a log that claims too much", () => {
  test.each([2 ** 53 - 1, 2 ** 32, LIMITS.logMaxEntries + 1])("%d entries, costs no memory", async (size) => {
    const { source, log, store } = await synced();
    const head = store.log.head();
    source.lies.note = source.claimOf(size);
    source.pages = 0;
    await expectError(log.sync(), "LOG_INVALID", "size");
    expect({ head: store.log.head(), pages: source.pages }).toEqual({ head, pages: 0 });
  });

  test("is not fetched whole again once a fork is proven", async () => {
    const { source, log } = await synced();
    const fork = source.fork(leavesOf(2500, "other"));
    source.lies = { note: fork.noteAt(), entries: (start) => fork.leaves.slice(start, start + 1024) };
    await expectError(log.sync(), "LOG_FORKED");
    expect(log.status().forked).toBe(true);
    source.pages = 0;
    await expectError(log.sync(), "LOG_FORKED");
    expect(source.pages).toBe(3);
  });

  test("that has nothing, and a root of something, is wrong and proves no fork", async () => {
    const { source, log } = start(new SignedLog());
    source.lies.note = source.claimOf(0);
    await expectError(log.sync(), "LOG_INVALID", "root");
    expect(log.status().forked).toBe(false);
    source.lies = {};
    await log.sync();
    expect(log.status().size).toBe(0);
  });
});

test("a root that somebody names is compared as far as the own copy goes", async () => {
  const { source, log } = await synced();
  expect(log.agrees(2, naiveRoot(source.leaves.slice(0, 2)))).toBe(true);
  expect(log.agrees(2, naiveRoot(source.leaves))).toBe(false);
  expect(log.agrees(4, naiveRoot(source.leaves))).toBeUndefined();
});
