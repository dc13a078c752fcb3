import { describe, expect, test } from "vitest";
import type { Draw, RecordRow, Store } from "../../../../naming-server/storage/store.ts";
import { isChatError } from "../../../../shared/errors.ts";
import { chainOf, NOW_SECONDS, personOf, relayOf } from "../../../support/people.ts";
import { hasPostgres, TestPostgres } from "../../../support/postgres.ts";
import { openWatchedStore, serializationFailure, type Watch } from "../../../support/postgres-store.ts";
import { rowOf } from "../../../support/record-row.ts";

const alice = personOf("alice");
const bob = personOf("bob");
const moved = personOf("alice", { device: "alice new device" });
const chain = await chainOf(alice, 2);
const [first, second] = chain.map(rowOf) as [RecordRow, RecordRow];
const [bobs] = (await chainOf(bob, 1)).map(rowOf) as [RecordRow];
const invite = { hash: new Uint8Array(32).fill(3), uses: 2, expires: NOW_SECONDS + 60 };
const draw = (kind: Draw["kind"]): Draw => ({ kind, subject: "somebody", burst: 2, everySeconds: 10 });
const address = (seq: number) => {
  const { username: name, device } = alice;
  return { name, device, seq, expires: NOW_SECONDS + 60, record: `record ${seq}`, at: NOW_SECONDS };
};
const mailbox = (seq: number) => ({ ...address(seq), isWithdrawn: false });
const relay = (label: string, seq: number) => {
  const { id } = relayOf(label);
  return { relay: id, seq, expires: NOW_SECONDS + 60, record: `relay ${seq}`, isWithdrawn: false, at: NOW_SECONDS };
};
const upload = { device: alice.device, keyPackages: [Buffer.of(1), Buffer.of(2)], lastResort: Buffer.of(3) };
const assertion = { sub: alice.username, jti: "0123456789abcdef", expires: NOW_SECONDS + 60 };
const seed = new Uint8Array(32).fill(9);
const checkpoint = { size: 1, root: new Uint8Array(32).fill(1), time: NOW_SECONDS, note: "note" };
const late = NOW_SECONDS + 1000;
const everything = {
  assertions: late,
  addresses: late,
  mailboxes: late,
  relays: late,
  claims: late,
  transitions: late,
  allowances: late,
};

/** Each method that has something to do, and what of it is refused. */
const CALLS: Readonly<Record<string, (store: Store) => Promise<unknown>>> = {
  findName: (store) => store.findName(alice.username),
  foreignWrites: (store) => store.foreignWrites(),
  listRecords: (store) => store.listRecords(bob.username, 0, 10),
  createName: (store) => store.createName(bobs, { draw: draw("registration"), invite: invite.hash }),
  "createName, repeated": (store) => store.createName(first),
  "createName, refused": (store) => store.createName({ ...bobs, skeleton: first.skeleton }),
  "createName, of a device in use": (store) => store.createName({ ...bobs, devices: [alice.device] }),
  replaceRecord: (store) => store.replaceRecord({ ...second, devices: [moved.device] }, first.hash, draw("update")),
  "replaceRecord, refused": (store) => store.replaceRecord(second, "other"),
  addInvite: (store) => store.addInvite({ ...invite, hash: new Uint8Array(32) }),
  listLeaves: (store) => store.listLeaves(0, 10),
  findLogIndex: (store) => store.findLogIndex(alice.username, 1),
  readLog: (store) => store.readLog(),
  sequenceRecords: (store) => store.sequenceRecords("one"),
  saveCheckpoint: (store) => store.saveCheckpoint(checkpoint, undefined, seed),
  keepLogSeed: (store) => store.keepLogSeed(seed),
  putAddress: (store) => store.putAddress(address(9)),
  "putAddress, refused": (store) => store.putAddress({ ...address(1), record: "other" }),
  putMailbox: (store) => store.putMailbox(mailbox(9)),
  "putMailbox, refused": (store) => store.putMailbox({ ...mailbox(1), record: "other" }),
  putRelay: (store) => store.putRelay(relay("another", 1), 2),
  "putRelay, renewed": (store) => store.putRelay(relay("one", 3), 1),
  "putRelay, refused": (store) => store.putRelay(relay("one", 1), 2),
  "putRelay, full": (store) => store.putRelay(relay("another", 1), 1),
  listRelays: (store) => store.listRelays(NOW_SECONDS, 10),
  deleteAddress: (store) => store.deleteAddress(alice.device, NOW_SECONDS),
  listOnline: (store) => store.listOnline(NOW_SECONDS),
  expireAddresses: (store) => store.expireAddresses(NOW_SECONDS + 60),
  readPresence: async (store) => (await store.readPresence()).online,
  listTransitions: async (store) => (await store.listTransitions(0, 10)).map(({ online }) => online),
  addKeyPackages: (store) => store.addKeyPackages({ ...upload, keyPackages: [Buffer.of(4)] }),
  claimKeyPackages: (store) => store.claimKeyPackages(alice.username, NOW_SECONDS, draw("claim")),
  rememberAssertion: (store) => store.rememberAssertion({ ...assertion, jti: "another assertion" }),
  "rememberAssertion, replayed": (store) => store.rememberAssertion(assertion),
  listSigningKeys: (store) => store.listSigningKeys(),
  addSigningKey: (store) => store.addSigningKey({ generation: 2, seed: new Uint8Array(32), activeFrom: 2 }),
  deleteSigningKeysBefore: (store) => store.deleteSigningKeysBefore(2),
  forgetExpired: (store) => store.forgetExpired(everything),
  markRestored: (store) =>
    store.markRestored({ at: NOW_SECONDS, until: NOW_SECONDS + 9, logSeed: new Uint8Array(32).fill(2) }),
  findRestoration: (store) => store.findRestoration(),
  ping: (store) => store.ping(),
  sizeBytes: async (store) => (await store.sizeBytes()) > 0,
};

const TABLES = {
  names: "name, identity, seq, hash",
  records: "name, seq, hash, log_index",
  log: "leaves, encode(seed, 'hex') AS seed, size, note, lease_until_ms",
  devices: `name, device, address_seq, address_record, online_since, encode(last_resort, 'hex') AS last_resort,
    mailbox_seq, mailbox_expires`,
  mailboxes: "device, record, expires",
  relays: "relay, seq, record, expires, kept_until",
  presence: "name, device, online, at",
  key_packages: "device, encode(key_package, 'hex') AS key_package, claimed_at",
  assertions: "sub, jti",
  signing_keys: "generation, encode(seed, 'hex') AS seed",
  allowances: "kind, subject, full_at",
  invites: "encode(hash, 'hex') AS hash, uses",
  restoration: "since, until",
  writes: "sum(count) AS writes",
};

describe.skipIf(!hasPostgres())("a transaction that PostgreSQL undoes in favour of another", () => {
  const postgres = TestPostgres.forFile();

  /** What a call answers or refuses, and what the database holds then, but for ids, which have gaps. */
  async function outcomeOf(act: (store: Store) => Promise<unknown>, disturb: Watch) {
    const url = await postgres.createDatabase();
    let watch: Watch = () => {};
    const store = await openWatchedStore(url, (statement) => watch(statement));
    await fill(store);
    watch = disturb;
    const answer = await act(store).catch((error: unknown) => (isChatError(error) ? error.code : error));
    watch = () => {};
    const tables = Object.entries(TABLES).map(async ([table, columns]) => {
      const rows = await postgres.run(url, `SELECT ${columns} FROM ${table}`);
      return [table, rows.map((row) => JSON.stringify(row)).sort()];
    });
    const held = Object.fromEntries(await Promise.all(tables));
    return { outcome: { answer, held }, isWhole: store.pool.idleCount === store.pool.totalCount };
  }

  async function fill(store: Store): Promise<void> {
    await store.createName(first);
    await store.addInvite(invite);
    await store.putAddress(address(1));
    await store.putMailbox(mailbox(1));
    await store.putRelay(relay("one", 2), 2);
    await store.addKeyPackages(upload);
    await store.rememberAssertion(assertion);
    await store.addSigningKey({ generation: 1, seed: new Uint8Array(32), activeFrom: 1 });
  }

  test.each(Object.keys(CALLS))("changes nothing in what comes of %s, whichever statement it is", async (name) => {
    const act = CALLS[name];
    if (act === undefined) throw new Error("a call of the table");
    const statements: string[] = [];
    const { outcome: undisturbed } = await outcomeOf(act, (statement) => {
      if (statement !== "ROLLBACK") statements.push(statement);
    });
    expect(statements.length).toBeGreaterThan(0);
    for (const nth of statements.keys()) {
      let seen = 0;
      const failNth: Watch = (statement) => {
        if (statement !== "ROLLBACK" && seen++ === nth) throw serializationFailure();
      };
      const { outcome, isWhole } = await outcomeOf(act, failNth);
      expect(seen).toBeGreaterThan(nth);
      expect({ statement: statements[nth], ...outcome }).toEqual({ statement: statements[nth], ...undisturbed });
      expect(isWhole).toBe(true);
    }
  });

  test("is given up as busy when that goes on and on, and leaves nothing behind", async () => {
    const { outcome: before } = await outcomeOf(
      async () => "SERVER_BUSY",
      () => {},
    );
    const { outcome, isWhole } = await outcomeOf(
      (store) => store.createName(bobs),
      (statement) => {
        if (statement === "COMMIT") throw serializationFailure();
      },
    );
    expect(outcome).toEqual(before);
    expect(isWhole).toBe(true);
  });

  test("covers every method of the store", async () => {
    const store = await openWatchedStore(await postgres.createDatabase(), () => {});
    const covered = new Set(Object.keys(CALLS).map((name) => name.replace(/,.*/, "")));
    const missing = Object.keys(store).filter((name) => !covered.has(name) && name !== "close" && name !== "pool");
    expect(missing).toEqual([]);
  });
});
