import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { openPostgresStore } from "../../../../naming-server/storage/postgres/postgres-store.ts";
import type { Store } from "../../../../naming-server/storage/store.ts";
import { chainOf, personOf, recordOf } from "../../../support/people.ts";
import { hasPostgres, TestPostgres } from "../../../support/postgres.ts";
import { connectWatchedStore, openWatchedStore, type Watch } from "../../../support/postgres-store.ts";
import { rowOf } from "../../../support/record-row.ts";

const PEOPLE = Array.from({ length: 12 }, (_, index) => personOf(`person-${index}`));
const CHAINS = await Promise.all(PEOPLE.map(async (person) => (await chainOf(person, 3)).map(rowOf)));
const FIRSTS = CHAINS.flatMap((rows) => rows.slice(0, 1));

/** A statement that waits to be let go. */
function gate(statement: string) {
  const [reached, opened] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const watch: Watch = async (name) => {
    if (name !== statement) return;
    reached.resolve();
    await opened.promise;
  };
  return { watch, reached: reached.promise, open: () => opened.resolve() };
}

describe.skipIf(!hasPostgres())("the sequencer of the log", () => {
  const postgres = TestPostgres.forFile();

  async function open(url: string): Promise<Store> {
    const store = await openPostgresStore(url);
    onTestFinished(() => store.close());
    return store;
  }

  const endLease = (url: string) => postgres.run(url, "UPDATE log SET lease_until_ms = 0");
  const headOf = async (url: string) => (await postgres.run(url, "SELECT * FROM log"))[0];

  /** Every place once, from 0 on, each name's records in their order, and as many as the head says. */
  async function expectSound(url: string, size: number): Promise<void> {
    const rows = await postgres.run(url, "SELECT name, seq, log_index FROM records ORDER BY log_index");
    expect(rows.map(({ log_index }) => log_index)).toEqual(rows.map((_, index) => String(index)));
    expect(rows).toHaveLength(size);
    const seen = new Map<unknown, number>();
    for (const { name, seq } of rows) {
      expect(Number(seq)).toBe((seen.get(name) ?? 0) + 1);
      seen.set(name, Number(seq));
    }
    expect(await headOf(url)).toMatchObject({ leaves: String(size), lease_until_ms: "0" });
  }

  test("writes nothing while nothing waits", async () => {
    const url = await postgres.createDatabase();
    const store = await open(url);
    await store.sequenceRecords("one");
    expect(await headOf(url)).toMatchObject({ fence: "0", holder: null });
  });

  test("goes away at once while another has the lease, and takes it once that has passed", async () => {
    const url = await postgres.createDatabase();
    const { watch, reached, open: letGo } = gate("hold-log");
    const [leader, other] = [await openWatchedStore(url, watch), await open(url)];
    for (const row of FIRSTS.slice(0, 3)) await leader.createName(row);
    const leading = leader.sequenceRecords("leader");
    await reached;
    await other.sequenceRecords("other");
    expect(await other.readLog()).toMatchObject({ size: 0 });
    await endLease(url);
    await other.sequenceRecords("other");
    await expectSound(url, 3);
    for (const row of FIRSTS.slice(3, 5)) await leader.createName(row);
    letGo();
    await leading;
    expect(await other.readLog()).toMatchObject({ size: 3 });
    await other.sequenceRecords("other");
    await expectSound(url, 5);
  });

  test("does not wait for one that is still at work after its lease", async () => {
    const url = await postgres.createDatabase();
    const [before, within] = [gate("hold-log"), gate("grow-log")];
    const watch: Watch = async (name) => {
      await before.watch(name);
      await within.watch(name);
    };
    const [leader, other] = [await openWatchedStore(url, watch), await open(url)];
    for (const row of FIRSTS.slice(0, 3)) await leader.createName(row);
    const leading = leader.sequenceRecords("leader");
    await before.reached;
    await endLease(url);
    before.open();
    await within.reached;
    await other.sequenceRecords("other");
    expect(await other.readLog()).toMatchObject({ size: 0 });
    within.open();
    await leading;
    await expectSound(url, 3);
  });

  test.each(["hold-log", "place-records", "grow-log", "COMMIT"])(
    "has another go on where a leader died before %s",
    async (statement) => {
      const url = await postgres.createDatabase();
      let isArmed = false;
      const leader = await openWatchedStore(`${url}&application_name=leader`, async (name) => {
        if (!isArmed || name !== statement) return;
        await postgres.run(
          url,
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'leader'",
        );
      });
      for (const row of FIRSTS.slice(0, 4)) await leader.createName(row);
      isArmed = true;
      await leader.sequenceRecords("leader").catch(() => undefined);
      isArmed = false;
      const other = await open(url);
      await endLease(url);
      await other.sequenceRecords("other");
      await expectSound(url, 4);
    },
  );

  test("puts no record before the one that it follows, whatever ids they drew", async () => {
    const url = await postgres.createDatabase();
    const store = await open(url);
    const [chain = []] = CHAINS;
    const [first, ...later] = chain;
    if (first === undefined) throw new Error("a chain");
    await store.createName(first);
    for (const [index, row] of later.entries()) await store.replaceRecord(row, chain[index]?.hash ?? "");
    await store.createName(FIRSTS[1] ?? first);
    await postgres.run(url, "UPDATE records SET id = 1000 - id");
    await store.sequenceRecords("one");
    await expectSound(url, 4);
  });

  /** An instance that can be made to stop right after it took the lease. */
  async function startInstance(url: string, name: string) {
    let stall: ReturnType<typeof gate> | undefined;
    const store = await connectWatchedStore(url, (statement) => stall?.watch(statement));
    const runs: Promise<void>[] = [];
    return {
      store,
      sequence() {
        if (stall === undefined) runs.push(store.sequenceRecords(name));
      },
      /** Its lease passes meanwhile. */
      async stopAsLeader() {
        if (stall !== undefined) return;
        stall = gate("hold-log");
        const run = store.sequenceRecords(name);
        runs.push(run);
        await Promise.race([stall.reached, run]);
        await endLease(url);
      },
      async end() {
        stall?.open();
        await Promise.all(runs);
        await store.close();
      },
    };
  }

  test("gives every record one place, whatever three instances do at once and whenever one stops", async () => {
    const step = fc.record({
      kind: fc.constantFrom("accept" as const, "accept" as const, "sequence" as const, "stop" as const),
      instance: fc.nat(2),
      person: fc.nat(PEOPLE.length - 1),
    });
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), play), { numRuns: 10 });
  });

  type Step = { kind: "accept" | "sequence" | "stop"; instance: number; person: number };

  async function play(steps: readonly Step[]): Promise<void> {
    const url = await postgres.createDatabase();
    const instances = await Promise.all(["one", "two", "three"].map((name) => startInstance(url, name)));
    const accepted = PEOPLE.map(() => 0);
    for (const { kind, instance: index, person } of steps) {
      const instance = instances[index];
      if (kind === "sequence") instance?.sequence();
      else if (kind === "stop") await instance?.stopAsLeader();
      else if (instance !== undefined) await acceptNext(instance.store, accepted, person);
    }
    await Promise.all(instances.map((instance) => instance.end()));
    await endLease(url);
    await (await open(url)).sequenceRecords("last");
    await expectSound(
      url,
      accepted.reduce((sum, count) => sum + count, 0),
    );
  }

  async function acceptNext(store: Store, accepted: number[], person: number): Promise<void> {
    const count = accepted[person] ?? 0;
    const [row, previous] = [CHAINS[person]?.[count], CHAINS[person]?.[count - 1]];
    if (row === undefined) return;
    await (previous === undefined ? store.createName(row) : store.replaceRecord(row, previous.hash));
    accepted[person] = count + 1;
  }

  test("numbers thousands of records at a time", async () => {
    const url = await postgres.createDatabase();
    const store = await open(url);
    await store.createName(rowOf(await recordOf(personOf("somebody"))));
    await postgres.run(
      url,
      `INSERT INTO records (name, seq, hash, record, accepted_at)
       SELECT 'somebody', n, 'hash', 'record', 0 FROM generate_series(2, 9001) AS n`,
    );
    await store.sequenceRecords("one");
    await expectSound(url, 9001);
  });
});
