import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { parseNameRecord } from "../../shared/name-record.ts";
import { frozen, showing } from "../support/lies.ts";
import { putRecord } from "../support/naming-server.ts";
import { aliceAndBob, type Person, startLyingWorld, strangers, type World } from "../support/p2pchat.ts";
import { personOf, recordTextOf } from "../support/people.ts";

/**
 * The server forgets who Bob was, in its log too, and somebody else registers as Bob: a swapped key with a device that
 * works.
 */
async function swapBob(world: World): Promise<Person> {
  await world.stopServer();
  using database = new DatabaseSync(world.databasePath);
  for (const table of ["devices", "records", "names"]) database.exec(`DELETE FROM ${table} WHERE name = 'bob'`);
  database.exec("UPDATE records SET log_index = 0; UPDATE log SET size = NULL, root = NULL, time = NULL, note = NULL");
  await world.startServer();
  const impostor = world.person("impostor");
  const { code, stdout } = await impostor.run(["register", "bob", "--server", world.url, "--no-passphrase"]);
  if (code !== 0) throw new Error(stdout);
  return impostor;
}

async function fingerprintOf(person: Person): Promise<unknown> {
  return (await person.ask(["whoami"])).line["fingerprint"];
}

describe("a naming server that swaps a contact's key", () => {
  test.each(["without", "with"])(
    "stops the sender %s a daemon, who sees both fingerprints, and nothing goes out",
    async (daemon) => {
      const { world, alice, bob, listening } = await aliceAndBob();
      await alice.send("bob", "before");
      await listening.stop();
      await alice.send("bob", "waiting", "--wait", "queued");
      const impostor = await swapBob(world);
      const trap = await impostor.listen();
      const running = daemon === "with" ? await alice.listen() : undefined;
      const [oldFingerprint, newFingerprint] = [await fingerprintOf(bob), await fingerprintOf(impostor)];

      const refused = await alice.send("bob", "secret");
      const details = { oldFingerprint, newFingerprint };
      expect(refused).toMatchObject({ exit: 4, line: { type: "error", code: "KEY_CHANGED", details } });
      const { code, stderr } = await alice.run(["send", "bob", "secret"]);
      expect(code).toBe(4);
      expect(stderr).toContain(`pinned: ${oldFingerprint}`);
      expect(stderr).toContain(`now:    ${newFingerprint}`);
      expect(stderr).toContain("p2pchat trust");
      if (running !== undefined) {
        expect(await running.next(({ type }) => type === "key-change")).toMatchObject({ username: "bob", ...details });
      }
      expect((await alice.ask(["contacts", "show", "bob"])).line).toMatchObject({
        fingerprint: oldFingerprint,
        keyChanged: true,
      });
      expect((await alice.ask(["outbox"])).line["items"]).toMatchObject([{ to: "bob", state: "queued" }]);
      expect((await alice.run(["history", "bob", "--json"])).lines.map(({ text }) => text)).toEqual([
        "before",
        "waiting",
      ]);

      await world.stopServer();
      const offline = await alice.send("bob", "secret", "--timeout", "3s");
      expect(offline).toMatchObject({ exit: 4, line: { code: "KEY_CHANGED", details } });
      await world.startServer();

      expect(trap.seen.map(({ type }) => type)).toEqual(["ready"]);
      expect(await alice.ask(["trust", "bob"])).toMatchObject({ exit: 0, line: { accepted: true, ...details } });
      expect(await alice.send("bob", "to the new key")).toMatchObject({ exit: 0, line: { state: "stored" } });
      await trap.nextMessage("to the new key");
      expect((await alice.ask(["contacts", "show", "bob"])).line).toMatchObject({
        fingerprint: newFingerprint,
        keyChanged: false,
      });
    },
    60_000,
  );

  test("blocks a contact who writes from the new key", async () => {
    const { world, alice, listening } = await aliceAndBob();
    await alice.send("bob", "before");
    await listening.stop();
    const impostor = await swapBob(world);
    const running = await alice.listen();
    const forged = await impostor.send("alice", "it is me, bob", "--timeout", "3s");
    expect(forged).toMatchObject({ exit: 7, line: { state: "queued" } });
    await running.next(({ type }) => type === "key-change");
    expect(running.seen.filter(({ type }) => type === "message")).toEqual([]);
    expect((await alice.run(["history", "bob", "--json"])).lines.map(({ text }) => text)).toEqual(["before"]);
  });
});

describe("a naming server that shows what was", () => {
  test("is caught rolling a name back: exit 4, the pin stays, and the queue too", async () => {
    const world = await startLyingWorld();
    const { alice } = await strangers(world);
    const carol = personOf("carol", { aud: world.url });
    const iat = Math.floor(Date.now() / 1000);
    const devices = [{ key: carol.deviceKey, addedAt: iat }];
    const first = await recordTextOf(carol, { iat, devices });
    const second = await recordTextOf(carol, { iat, devices, previous: parseNameRecord(first) });
    for (const record of [first, second]) expect((await putRecord(world, "carol", record)).status).toBeLessThan(300);
    await alice.send("carol", "hello", "--wait", "queued");
    expect((await alice.ask(["contacts", "show", "carol"])).line).toMatchObject({ seq: 2 });
    world.liar.tell(showing("carol", first, { history: [first] }));
    const refused = await alice.send("carol", "secret");
    expect(refused).toMatchObject({ exit: 4, line: { type: "error", code: "RECORD_ROLLBACK" } });
    expect((await alice.ask(["contacts", "show", "carol"])).line).toMatchObject({ seq: 2, keyChanged: false });
    expect((await alice.ask(["outbox"])).line["items"]).toHaveLength(1);
  });

  test("does no harm while the frozen view still holds, and a moved contact is reached once it thaws", async () => {
    const world = await startLyingWorld();
    const { alice, bob, listening } = await aliceAndBob(world);
    const thaw = world.liar.tell(frozen("bob"));
    expect(await alice.send("bob", "before")).toMatchObject({ exit: 0 });
    await listening.stop();
    const moved = await bob.listen();
    expect(await alice.send("bob", "lost?", "--timeout", "2s")).toMatchObject({ exit: 7, line: { state: "queued" } });
    thaw();
    expect(await alice.send("bob", "found")).toMatchObject({ exit: 0 });
    await moved.nextMessage("found");
    expect(moved.seen.map(({ text }) => text)).toEqual([undefined, "lost?", "found"]);
  });
});
