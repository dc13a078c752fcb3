import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../shared/checkpoint.ts";
import { parseNameRecord } from "../../shared/name-record.ts";
import { parseVerifier } from "../../shared/signed-note.ts";
import { showing, showingLog } from "../support/lies.ts";
import { putRecord } from "../support/naming-server.ts";
import { aliceAndBob, type Person, startLyingWorld, strangers } from "../support/p2pchat.ts";
import { personOf, recordTextOf } from "../support/people.ts";
import type { Line, Program } from "../support/program.ts";
import { leavesOf, SignedLog } from "../support/signed-log.ts";

const nowSeconds = () => Math.floor(Date.now() / 1000);

/** A world whose server shows a log of the test's own making; whatever it accepts goes into it. */
async function startLoggedWorld(timeSeconds = nowSeconds()) {
  const world = await startLyingWorld();
  const log = new SignedLog([], "log key", world.url);
  log.time = timeSeconds;
  const show = (shown: SignedLog) => world.liar.tell(showingLog(shown));
  show(log);
  return Object.assign(world, { log, show });
}

async function audit(person: Person, name: string) {
  const { exit, line } = await person.ask(["key", "audit", name]);
  const problems = line["problems"] as { code: string; reason: string; notes?: string[] }[];
  return { exit, verdict: line["verdict"], problems, found: problems.map(({ code, reason }) => [code, reason]) };
}

const CLEAN = { exit: 0, verdict: "ok", found: [] };

function errorsOf(listening: Program): unknown[] {
  return listening.seen.filter(({ type }) => type === "error").map(({ code }) => code);
}

const isError = ({ type }: Line) => type === "error";

async function stateOf(person: Person): Promise<unknown> {
  return ((await person.ask(["status"])).line["log"] as { state: string }).state;
}

test("a server that keeps its word passes every audit, and shows where each record stands", async () => {
  const world = await startLoggedWorld();
  const { alice, bob, listening } = await aliceAndBob(world);
  for (const [who, name] of [
    [alice, "alice"],
    [alice, "bob"],
    [bob, "bob"],
  ] as const) {
    expect(await audit(who, name)).toMatchObject(CLEAN);
  }
  const { line } = await alice.ask(["key", "audit", "bob"]);
  const { size, root } = line["log"] as { size: number; root: string };
  expect(openCheckpoint(world.log.noteAt(), parseVerifier(await world.log.key()))).toMatchObject({ size });
  expect(Buffer.from(root, "base64")).toHaveLength(32);
  expect(line["records"]).toMatchObject([{ seq: 1, change: "first", position: expect.any(Number) }]);
  expect(await stateOf(bob)).toBe("ok");
  expect(errorsOf(listening)).toEqual([]);
  expect(await alice.ask(["key", "audit", "stranger"])).toMatchObject({ exit: 8, line: { code: "NAME_UNKNOWN" } });
});

test("a known contact costs no look at the log within the hour", async () => {
  const world = await startLoggedWorld();
  const { alice } = await aliceAndBob(world);
  const keysAsked = () => world.liar.requests.filter(({ path }) => path === "/v1/log/key");
  // Each has pinned the log's key when they registered.
  expect(keysAsked()).toHaveLength(2);
  await alice.send("bob", "first contact");
  const before = world.liar.requests.length;
  expect(await alice.send("bob", "again")).toMatchObject({ exit: 0 });
  const asked = world.liar.requests.slice(before).map(({ method, path }) => `${method} ${path}`);
  expect(asked).toEqual(["POST /v1/token", "GET /v1/names/bob"]);
  expect(keysAsked()).toHaveLength(2);
});

describe("a naming server that swaps a key, in its log too,", () => {
  test("fools newcomers only, and is found out by contacts at once and by the owner who comes online", async () => {
    const world = await startLoggedWorld();
    const { alice, bob, listening } = await aliceAndBob(world);
    const carol = await world.register("carol", "--no-passphrase");
    await alice.send("bob", "before");
    await listening.stop();
    const mallory = personOf("bob", { identity: "mallory", device: "mallory device", aud: world.url });
    const devices = [{ key: mallory.deviceKey, addedAt: nowSeconds() }];
    const swapped = await recordTextOf(mallory, { iat: nowSeconds(), devices });
    world.log.accept(parseNameRecord(swapped));
    world.liar.tell(showing("bob", swapped, { history: [swapped] }));

    expect((await audit(alice, "bob")).found).toContainEqual(["KEY_CHANGED", "pin"]);
    expect(await alice.send("bob", "secret")).toMatchObject({ exit: 4, line: { code: "KEY_CHANGED" } });
    expect(await carol.send("bob", "first contact", "--wait", "queued")).toMatchObject({ exit: 0 });

    const online = await bob.listen();
    expect(await online.next(isError)).toMatchObject({ code: "LOG_INVALID" });
    expect(await stateOf(bob)).toBe("LOG_INVALID");
    const own = await audit(bob, "bob");
    expect(own).toMatchObject({ exit: 4, verdict: "bad" });
    expect(own.found).toEqual(
      expect.arrayContaining([
        ["LOG_INVALID", "foreign"],
        ["LOG_INVALID", "foreign-device"],
      ]),
    );
    expect((await bob.run(["key", "audit", "bob"])).stdout).toMatch(/\nbad: .+\n$/);
  });

  test("but not in its log, is found out by newcomers too", async () => {
    const world = await startLoggedWorld();
    const { alice } = await strangers(world);
    const mallory = personOf("bob", { identity: "mallory", device: "mallory device", aud: world.url });
    const devices = [{ key: mallory.deviceKey, addedAt: nowSeconds() }];
    world.liar.tell(showing("bob", await recordTextOf(mallory, { iat: nowSeconds(), devices })));
    expect(await alice.send("bob", "secret")).toMatchObject({
      exit: 4,
      line: { code: "LOG_INVALID", reason: "unlogged" },
    });
    expect((await alice.run(["contacts", "--json"])).lines).toEqual([]);
  });
});

test("a naming server that rolls a name back is found out by an audit, and by whoever listens", async () => {
  const world = await startLoggedWorld();
  const { alice } = await strangers(world);
  const carol = personOf("carol", { aud: world.url });
  const iat = nowSeconds();
  const devices = [{ key: carol.deviceKey, addedAt: iat }];
  const first = await recordTextOf(carol, { iat, devices });
  expect((await putRecord(world, "carol", first)).status).toBe(201);
  await alice.send("carol", "hello", "--wait", "queued");
  const second = await recordTextOf(carol, { iat, devices, previous: parseNameRecord(first) });
  expect((await putRecord(world, "carol", second)).status).toBe(200);
  world.liar.tell(showing("carol", first, { history: [first] }));

  expect(await audit(alice, "carol")).toMatchObject({ exit: 4, found: [["LOG_INVALID", "withheld"]] });
  expect(await alice.send("carol", "secret")).toMatchObject({
    exit: 4,
    line: { code: "RECORD_ROLLBACK", reason: "log" },
  });
  const listening = await alice.listen();
  expect(await listening.next(isError)).toMatchObject({ code: "LOG_INVALID" });
});

describe("a naming server that signs two logs", () => {
  test("one after the other, is found out with proof; known contacts go on, nobody new is trusted", async () => {
    const world = await startLoggedWorld();
    const { alice } = await aliceAndBob(world);
    await world.register("carol", "--no-passphrase");
    await alice.send("bob", "before");
    world.show(world.log.fork([...leavesOf(1, "rewritten"), ...world.log.leaves.slice(1), ...leavesOf(1)]));

    const { exit, problems } = await audit(alice, "bob");
    const fork = problems.find(({ code }) => code === "LOG_FORKED");
    expect({ exit, fork }).toMatchObject({ exit: 4, fork: { reason: "fork", notes: expect.any(Array) } });
    const key = parseVerifier(await world.log.key());
    const signed = (fork?.notes ?? []).map((note) => openCheckpoint(note, key));
    expect(new Set(signed.map(({ root }) => Buffer.from(root).toString("hex"))).size).toBeGreaterThan(1);
    expect(await stateOf(alice)).toBe("LOG_FORKED");
    expect(await alice.send("bob", "after")).toMatchObject({ exit: 0, line: { state: "stored" } });
    expect(await alice.send("carol", "new")).toMatchObject({ exit: 4, line: { code: "LOG_FORKED" } });
    const listening = await alice.listen();
    expect(await listening.next(isError)).toMatchObject({ code: "LOG_FORKED" });
  });

  test("to two people, is found out when they meet", async () => {
    const world = await startLoggedWorld();
    const { alice, bob } = await strangers(world);
    await alice.send("bob", "hello", "--wait", "queued");
    await bob.send("alice", "hello", "--wait", "queued");
    const [hers, his] = [
      world.log.fork([...world.log.leaves, ...leavesOf(1, "hers")]),
      world.log.fork([...world.log.leaves, ...leavesOf(1, "his")]),
    ];
    world.show(hers);
    expect(await audit(alice, "bob")).toMatchObject(CLEAN);
    world.show(his);
    expect(await audit(bob, "alice")).toMatchObject(CLEAN);
    const listen = async (person: Person) => {
      const before = world.liar.requests.length;
      const listening = await person.listen();
      const looks = () => world.liar.requests.slice(before).filter(({ path }) => path === "/v1/log/checkpoint");
      // At start: once for the log, once for the own name.
      await expect.poll(looks).toHaveLength(2);
      return listening;
    };
    const bobs = await listen(bob);
    expect(errorsOf(bobs)).toEqual([]);
    world.show(hers);
    const alices = await listen(alice);
    expect(await Promise.any([alices.next(isError), bobs.next(isError)])).toMatchObject({ code: "LOG_FORKED" });
    const found = [...(await audit(alice, "bob")).found, ...(await audit(bob, "alice")).found];
    expect(found).toContainEqual(["LOG_FORKED", "fork"]);
  });
});

test("a naming server that shrinks its log is found out by whoever looks, and the copy stays", async () => {
  const world = await startLoggedWorld();
  const { alice } = await strangers(world);
  expect(await audit(alice, "bob")).toMatchObject(CLEAN);
  world.log.leaves.pop();
  world.log.time += 1;
  expect(await audit(alice, "alice")).toMatchObject({ exit: 4, found: [["LOG_INVALID", "shrunk"]] });
  expect((await alice.ask(["status"])).line["log"]).toMatchObject({ size: 2 });
});

test("a naming server that freezes its log is found out after a day, until it renews it", async () => {
  const world = await startLoggedWorld(nowSeconds() - 25 * 3600);
  const { alice, bob } = await strangers(world);
  expect(await audit(alice, "bob")).toMatchObject({ exit: 4, found: [["LOG_STALE", "age"]] });
  expect(await alice.send("bob", "new")).toMatchObject({ exit: 3, line: { code: "LOG_STALE" } });
  const listening = await bob.listen();
  expect(await listening.next(isError)).toMatchObject({ code: "LOG_STALE" });
  expect(await stateOf(bob)).toBe("LOG_STALE");
  world.log.time = nowSeconds();
  expect(await audit(alice, "bob")).toMatchObject(CLEAN);
  expect(await alice.send("bob", "renewed")).toMatchObject({ exit: 0 });
  expect(errorsOf(listening)).toEqual(["LOG_STALE"]);
});
