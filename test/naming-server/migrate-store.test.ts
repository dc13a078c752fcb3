import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test } from "vitest";
import { migrateStore } from "../../naming-server/migrate-store.ts";
import { MOVED_TABLES } from "../../naming-server/storage/postgres/moved-tables.ts";
import { openPostgresStore } from "../../naming-server/storage/postgres/postgres-store.ts";
import { openSqliteStore } from "../../naming-server/storage/sqlite-store.ts";
import type { Store } from "../../naming-server/storage/store.ts";
import { consistencySchema } from "../../shared/api.ts";
import { encodeBase64url } from "../../shared/base64url.ts";
import { openCheckpoint } from "../../shared/checkpoint.ts";
import { logLeafOf } from "../../shared/log-leaf.ts";
import { isConsistent } from "../../shared/merkle.ts";
import { parseVerifier } from "../../shared/signed-note.ts";
import { expectError } from "../support/expect-error.ts";
import { naiveRoot } from "../support/merkle.ts";
import {
  assertionOf,
  call,
  PLENTY,
  putRecord,
  refusal,
  register,
  requestToken,
  signIn,
  spawnNamingServer,
  startTestServer,
  type TestServer,
} from "../support/naming-server.ts";
import { addressRecordOf, chainOf, NOW_SECONDS, personOf, recordOf, recordTextOf, relayOf } from "../support/people.ts";
import { hasPostgres, TestPostgres } from "../support/postgres.ts";
import { rowOf } from "../support/record-row.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const alice = personOf("alice");
const bob = personOf("bob");

describe.skipIf(!hasPostgres())("a naming server that moves to PostgreSQL", () => {
  const postgres = TestPostgres.forFile();

  async function open(opening: Promise<Store> | Store): Promise<Store> {
    const store = await opening;
    onTestFinished(() => store.close());
    return store;
  }

  const checkpointOf = async (server: TestServer) => {
    const key = parseVerifier((await call(server, "GET", "/v1/log/key")).text.trim());
    return openCheckpoint((await call(server, "GET", "/v1/log/checkpoint")).text, key);
  };

  test("goes on with the same names, log, keys and tokens", async () => {
    const before = await startTestServer(PLENTY);
    for (const person of [alice, bob]) await register(before, person);
    const token = await signIn(before, alice);
    const used = await assertionOf(alice, before.clock.nowMs);
    await requestToken(before, used);
    const address = await addressRecordOf(alice);
    const path = `/v1/devices/${alice.device}/addresses`;
    await call(before, "PUT", path, { token, type: "application/jose", body: address });
    const previous = await recordOf(bob, { iat: NOW_SECONDS });
    await putRecord(before, "bob", await recordTextOf(bob, { previous, iat: NOW_SECONDS + 1 }));
    const old = await checkpointOf(before);
    const looked = (await call(before, "GET", "/v1/names/alice", { token })).json;
    await before.stop();

    const to = await postgres.createDatabase();
    const said = await migrateStore({ from: `sqlite:${before.databasePath}`, to });
    expect(said).toMatch(/^moved: names 2, records 3, devices 2, /);
    expect(said).toContain(encodeBase64url(old.root));

    const after = await startTestServer({ databaseUrl: to, clock: before.clock, ...PLENTY });
    expect((await call(after, "GET", "/v1/names/alice", { token })).json).toEqual(looked);
    expect(refusal(await requestToken(after, used))).toEqual({ status: 409, code: "TOKEN_REPLAYED" });
    expect((await call(after, "GET", "/v1/presence", { token })).json).toMatchObject({ online: [{ name: "alice" }] });
    await register(after, personOf("carol"));
    const now = await checkpointOf(after);
    const proof = await call(after, "GET", `/v1/log/consistency?from=${old.size}&to=${now.size}`);
    expect([old.size, now.size]).toEqual([3, 4]);
    expect(isConsistent(old, now, consistencySchema.parse(proof.json).proof)).toBe(true);
  });

  test("brings along what is counted, handed out and promised", async () => {
    const file = join(temporaryDirectory(), "naming.db");
    const source = await openSqliteStore(file);
    const rows = (await chainOf(alice, 3)).map(rowOf);
    const draw = { kind: "registration" as const, subject: "here", burst: 2, everySeconds: 100 };
    const invite = { hash: new Uint8Array(32).fill(1), uses: 2, expires: NOW_SECONDS + 60 };
    await source.addInvite(invite);
    for (const [index, row] of rows.entries()) {
      if (index === 0) await source.createName(row, { draw, invite: invite.hash });
      else await source.replaceRecord(row, rows[index - 1]?.hash ?? "");
    }
    await source.addKeyPackages({
      device: alice.device,
      keyPackages: [1, 2, 3].map((byte) => Buffer.of(byte)),
      lastResort: Buffer.of(9),
    });
    await source.claimKeyPackages(alice.username, NOW_SECONDS);
    await source.putAddress({
      name: alice.username,
      device: alice.device,
      seq: 4,
      expires: NOW_SECONDS + 60,
      record: "record",
      at: NOW_SECONDS,
    });
    const { username: name, device } = alice;
    const mailbox = { name, device, seq: 6, expires: NOW_SECONDS + 60, record: "mailbox", isWithdrawn: false };
    await source.putMailbox({ ...mailbox, at: NOW_SECONDS });
    const relay = { relay: relayOf("one").id, seq: 7, expires: NOW_SECONDS + 60, record: "relay", at: NOW_SECONDS };
    await source.putRelay({ ...relay, isWithdrawn: false }, 9);
    await source.addSigningKey({ generation: 3, seed: new Uint8Array(32).fill(4), activeFrom: 5 });
    const seed = await source.keepLogSeed(new Uint8Array(32).fill(6));
    const leaves = await source.listLeaves(0, 10);
    const root = naiveRoot(leaves.map(({ name, hash }) => logLeafOf(name, hash)));
    await source.saveCheckpoint({ size: 3, root, time: NOW_SECONDS, note: "note" }, undefined, seed);
    const [presence, log, found] = [
      await source.readPresence(),
      await source.readLog(),
      await source.findName(alice.username),
    ];
    await source.close();

    const to = await postgres.createDatabase();
    await migrateStore({ from: `sqlite:${file}`, to });
    const store = await open(openPostgresStore(to));
    expect(await store.findName(alice.username)).toEqual(found);
    expect(await store.listRecords(alice.username, 0, 10)).toHaveLength(3);
    expect(await store.listLeaves(0, 10)).toEqual(leaves);
    expect(await store.readLog()).toEqual(log);
    expect(await store.keepLogSeed(new Uint8Array(32))).toEqual(seed);
    expect(await store.listSigningKeys()).toEqual([{ generation: 3, seed: new Uint8Array(32).fill(4), activeFrom: 5 }]);
    expect((await store.readPresence()).online).toEqual(presence.online);
    expect(found?.devices[0]?.mailbox?.record).toBe("mailbox");
    await expectError(store.putMailbox({ ...mailbox, seq: 5, record: "older", at: NOW_SECONDS }), "RECORD_CONFLICT");
    expect(await store.listRelays(NOW_SECONDS, 9)).toEqual([{ relay: relay.relay, record: "relay" }]);
    await expectError(store.putRelay({ ...relay, seq: 6, record: "older", isWithdrawn: false }, 9), "RECORD_CONFLICT");
    const again = { device: alice.device, keyPackages: [Buffer.of(1)], lastResort: undefined };
    expect(await store.addKeyPackages(again)).toEqual({ count: 2, lastResort: true });
    const [claimed] = (await store.claimKeyPackages(alice.username, NOW_SECONDS)) ?? [];
    expect(claimed?.keyPackage).toEqual(new Uint8Array([2]));
    const others = ["carol", "dave", "erin"].map(async (name) => rowOf(await recordOf(personOf(name))));
    const [carol, dave, erin] = await Promise.all(others);
    if (carol === undefined || dave === undefined || erin === undefined) throw new Error("three people");
    await store.createName(carol, { draw, invite: invite.hash });
    await expectError(store.createName(dave, { invite: invite.hash }), "INVITE_INVALID");
    await expectError(store.createName(erin, { draw }), "RATE_LIMITED");
    await store.deleteAddress(alice.device, NOW_SECONDS);
    expect((await store.readPresence()).newest).toBeGreaterThan(presence.newest);
    await store.sequenceRecords("one");
    expect(await store.findLogIndex(carol.name, 1)).toBe(3);
  });

  test("moves every table there is, and knows why one stays", () => {
    const file = join(temporaryDirectory(), "naming.db");
    openSqliteStore(file).close();
    const source = new DatabaseSync(file);
    const tables = source.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    source.close();
    const own = tables.map(({ name }) => String(name)).filter((name) => !name.startsWith("sqlite_"));
    const elsewhere = { claimed_key_packages: "key_packages", log: "its one row", presence: "minutes" };
    const moved = [...MOVED_TABLES.map(({ table }) => table), ...Object.keys(elsewhere)];
    expect(own.sort()).toEqual(moved.sort());
  });

  async function sourceWithAlice(): Promise<string> {
    const file = join(temporaryDirectory(), "naming.db");
    const source = openSqliteStore(file);
    await source.createName(rowOf(await recordOf(alice)));
    await source.close();
    return file;
  }

  test("is refused where anybody is there already, and leaves them alone", async () => {
    const from = `sqlite:${await sourceWithAlice()}`;
    const to = await postgres.createDatabase();
    const store = await open(openPostgresStore(to));
    await store.createName(rowOf(await recordOf(bob)));
    await expectError(migrateStore({ from, to }), "STORAGE");
    expect(await store.findName(alice.username)).toBeUndefined();
    expect(await store.findName(bob.username)).toBeDefined();
  });

  test("is refused while it runs, and where its log is not what it signed", async () => {
    const server = await startTestServer();
    await register(server, alice);
    const from = `sqlite:${server.databasePath}`;
    const to = await postgres.createDatabase();
    await expectError(migrateStore({ from, to }), "SERVER_BUSY");
    await server.stop();
    const tampered = new DatabaseSync(server.databasePath);
    tampered.exec(`UPDATE records SET hash = '${"A".repeat(43)}'`);
    tampered.close();
    await expectError(migrateStore({ from, to }), "STORE_CORRUPT");
    const store = await open(openPostgresStore(to));
    expect(await store.readLog()).toEqual({ size: 0, checkpoint: undefined });
    expect(await store.findName(alice.username)).toBeUndefined();
  });

  test("is moved by the program in one command", async () => {
    const file = await sourceWithAlice();
    const to = await postgres.createDatabase();
    const child = spawnNamingServer({
      databasePath: file,
      command: "migrate-store",
      args: ["--from", `sqlite:${file}`, "--to", to],
    });
    const code = await new Promise((resolve) => child.once("exit", resolve));
    expect(code).toBe(0);
    const store = await open(openPostgresStore(to));
    expect(await store.findName(alice.username)).toMatchObject({ seq: 1, logIndex: 0 });
  });
});
