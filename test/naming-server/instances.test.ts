import { once } from "node:events";
import { describe, expect, onTestFinished, test } from "vitest";
import { declareRestored } from "../../naming-server/restore.ts";
import { consistencySchema } from "../../shared/api.ts";
import { openCheckpoint } from "../../shared/checkpoint.ts";
import { isConsistent } from "../../shared/merkle.ts";
import { parseVerifier } from "../../shared/signed-note.ts";
import { expectError } from "../support/expect-error.ts";
import {
  assertionOf,
  call,
  PLENTY,
  putRecord,
  refusal,
  register,
  requestToken,
  signIn,
  startServerProcess,
  startTestServer,
  type TestServer,
} from "../support/naming-server.ts";
import {
  addressRecordOf,
  mailboxRecordOf,
  personOf,
  recordOf,
  recordTextOf,
  relayDescriptorOf,
  relayOf,
} from "../support/people.ts";
import { hasPostgres, TestPostgres } from "../support/postgres.ts";
import { TcpBalancer } from "../support/tcp-balancer.ts";

const alice = personOf("alice");
const bob = personOf("bob");
const nowSeconds = () => Math.floor(Date.now() / 1000);
const UNLIMITED = ["--rate-limit-factor", "1000000"];

describe.skipIf(!hasPostgres())("instances that share a PostgreSQL", () => {
  const postgres = TestPostgres.forFile();

  /** Two in this process, with one clock. */
  async function startPair(): Promise<[TestServer, TestServer]> {
    const databaseUrl = await postgres.createDatabase();
    const first = await startTestServer({ databaseUrl, ...PLENTY });
    return [first, await startTestServer({ databaseUrl, clock: first.clock, ...PLENTY })];
  }

  /** Processes of their own. */
  async function startProcesses(count: number) {
    const databaseUrl = await postgres.createDatabase();
    const start = () => startServerProcess({ databaseUrl, args: UNLIMITED });
    return { databaseUrl, start, servers: await Promise.all(Array.from({ length: count }, start)) };
  }

  test("take an assertion once, whichever of them sees it", async () => {
    const [first, second] = await startPair();
    await register(first, alice);
    const assertion = await assertionOf(alice, first.clock.nowMs);
    expect((await requestToken(first, assertion)).status).toBe(200);
    expect(refusal(await requestToken(second, assertion))).toEqual({ status: 409, code: "TOKEN_REPLAYED" });
  });

  test("believe each other's tokens, by the same published keys", async () => {
    const [first, second] = await startPair();
    await register(first, alice);
    const token = await signIn(first, alice);
    expect((await call(second, "GET", "/v1/names/alice", { token })).status).toBe(200);
    const [one, other] = await Promise.all([first, second].map((one) => call(one, "GET", "/.well-known/jwks.json")));
    expect(other?.json).toEqual(one?.json);
  });

  test("show within a second what another wrote: records, addresses and who is online", async () => {
    const [first, second] = await startPair();
    await register(first, alice);
    await register(first, bob);
    const token = await signIn(second, bob);
    const seen = async () => (await call(second, "GET", "/v1/names/alice", { token })).json;
    expect(await seen()).toMatchObject({ addresses: [] });
    const body = await addressRecordOf(alice);
    const type = "application/jose";
    const path = `/v1/devices/${alice.device}/addresses`;
    expect((await call(first, "PUT", path, { token: await signIn(first, alice), type, body })).status).toBe(204);
    first.clock.nowMs += 1_000;
    expect(await seen()).toMatchObject({ addresses: [{ device: alice.device, record: body }] });
    const presence = await call(second, "GET", "/v1/presence", { token });
    expect(presence.json).toMatchObject({ online: [{ name: "alice", devices: [alice.device] }] });
    const previous = await recordOf(alice, { iat: first.clock.nowMs / 1000 - 1 });
    const next = await recordTextOf(alice, { previous, iat: first.clock.nowMs / 1000 });
    expect((await putRecord(first, "alice", next)).status).toBe(200);
    first.clock.nowMs += 1_000;
    expect(await seen()).toMatchObject({ record: next });
  });

  test("show within a second what another wrote: mailboxes and relays", async () => {
    const [first, second] = await startPair();
    await register(first, alice);
    await register(first, bob);
    const token = await signIn(second, bob);
    const seen = async () => (await call(second, "GET", "/v1/names/alice", { token })).json;
    const relays = async () => (await call(second, "GET", "/v1/relays", { token })).json;
    expect(await seen()).toMatchObject({ mailboxes: [] });
    expect(await relays()).toEqual({ relays: [] });
    const type = "application/jose";
    const alices = await signIn(first, alice);
    for (const facts of [{ seq: 1 }, { seq: 2 }]) {
      const body = await mailboxRecordOf(alice, facts);
      const path = `/v1/devices/${alice.device}/mailbox`;
      expect((await call(first, "PUT", path, { token: alices, type, body })).status).toBe(204);
      const relay = relayOf("one");
      const descriptor = await relayDescriptorOf(relay, facts);
      expect((await call(first, "PUT", `/v1/relays/${relay.id}`, { type, body: descriptor })).status).toBe(200);
      first.clock.nowMs += 1_000;
      expect(await seen()).toMatchObject({ mailboxes: [{ device: alice.device, record: body }] });
      expect(await relays()).toEqual({ relays: [descriptor] });
    }
  });

  test("refuse within a second the token of a device that was removed at another", async () => {
    const [first, second] = await startPair();
    await register(first, alice);
    const token = await signIn(second, alice);
    expect((await call(second, "GET", "/v1/names/alice", { token })).status).toBe(200);
    const moved = personOf("alice", { device: "alice new device" });
    const previous = await recordOf(alice, { iat: first.clock.nowMs / 1000 });
    await putRecord(first, "alice", await recordTextOf(moved, { previous, iat: first.clock.nowMs / 1000 }));
    first.clock.nowMs += 1_000;
    expect((await call(second, "GET", "/v1/names/alice", { token })).status).toBe(401);
  });

  test("give three hundred names that two are asked for at once to three hundred owners", {
    timeout: 120_000,
  }, async () => {
    const { servers, databaseUrl } = await startProcesses(2);
    const [one, two] = servers;
    if (one === undefined || two === undefined) throw new Error("two servers");
    const names = Array.from({ length: 300 }, (_, index) => `owner-${index + 100}x`);
    const race = async (name: string) => {
      const rivals = ["here", "there"].map((side) => {
        return personOf(name, { identity: `${name} ${side}`, device: `${name} ${side} device` });
      });
      const records = await Promise.all(rivals.map((rival) => recordTextOf(rival, { iat: nowSeconds() })));
      const answers = await Promise.all(servers.map((server, side) => putRecord(server, name, records[side] ?? "")));
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
      const side = answers.findIndex(({ status }) => status === 201);
      return { name, owner: rivals[side] ?? alice, record: records[side] };
    };
    const won = await Promise.all(names.map(race));
    const [{ owner } = { owner: alice }] = won;
    const token = await signIn(one, owner);
    for (const server of servers) {
      const records = won.map(async ({ name }) => (await call(server, "GET", `/v1/names/${name}`, { token })).json);
      const found = (await Promise.all(records)) as { record: string }[];
      expect(found.map(({ record }) => record)).toEqual(won.map(({ record }) => record));
    }
    const places = await postgres.run(databaseUrl, "SELECT log_index FROM records ORDER BY log_index");
    expect(places.map(({ log_index }) => Number(log_index))).toEqual(names.map((_, index) => index));
  });

  test("sign one log: each extends what any of them signed before", { timeout: 60_000 }, async () => {
    const { servers } = await startProcesses(3);
    const checkpoints = [];
    for (const [index, server] of [...servers, ...servers].entries()) {
      const name = `signer-${index}x`;
      const { json } = await putRecord(server, name, await recordTextOf(personOf(name), { iat: nowSeconds() }));
      checkpoints.push((json as { log: { checkpoint: string } }).log.checkpoint);
    }
    const [one = { url: "" }] = servers;
    const key = parseVerifier((await call(one, "GET", "/v1/log/key")).text.trim());
    const trees = checkpoints.map((note) => openCheckpoint(note, key));
    for (const [index, to] of trees.entries()) {
      const from = trees[index - 1];
      if (from === undefined) continue;
      const path = `/v1/log/consistency?from=${from.size}&to=${to.size}`;
      await expect.poll(async () => (await call(one, "GET", path)).status).toBe(200);
      const { proof } = consistencySchema.parse((await call(one, "GET", path)).json);
      expect(isConsistent(from, to, proof)).toBe(true);
    }
  });

  test("sign nothing under the old key once the database was declared restored", async () => {
    const databaseUrl = await postgres.createDatabase();
    const old = await startTestServer({ databaseUrl, ...PLENTY });
    await register(old, alice);
    await declareRestored({ databaseUrl }, old.clock.nowMs);
    const anew = await startTestServer({ databaseUrl, clock: old.clock, ...PLENTY });
    const note = (await call(anew, "GET", "/v1/log/checkpoint")).text;
    expect(refusal(await call(old, "GET", "/v1/log/checkpoint"))).toEqual({ status: 500, code: "STORE_CORRUPT" });
    expect((await call(anew, "GET", "/v1/log/checkpoint")).text).toBe(note);
    const key = parseVerifier((await call(anew, "GET", "/v1/log/key")).text.trim());
    expect(openCheckpoint(note, key).size).toBe(1);
  });

  test("have one public URL: with another none starts where there are names", async () => {
    const databaseUrl = await postgres.createDatabase();
    const first = await startTestServer({ databaseUrl, ...PLENTY });
    await register(first, alice);
    const note = (await call(first, "GET", "/v1/log/checkpoint")).text;
    const elsewhere = startTestServer({ databaseUrl, publicUrl: "https://elsewhere.example.org" });
    await expectError(elsewhere, "CONFIG_INVALID");
    expect((await call(first, "GET", "/v1/log/checkpoint")).text).toBe(note);
  });

  test("lose nothing and refuse nobody while they are stopped and started in turn", { timeout: 120_000 }, async () => {
    const { servers, start } = await startProcesses(3);
    const portOf = ({ url }: { url: string }) => Number(new URL(url).port);
    await using balancer = await TcpBalancer.start(servers.map(portOf));
    const rolling = { isOver: false };
    onTestFinished(() => {
      rolling.isOver = true;
    });
    const accepted: string[] = [];
    const enrol = async (name: string) => {
      const record = await recordTextOf(personOf(name), { iat: nowSeconds() });
      const answer = await untilAnswered(() => putRecord(balancer, name, record));
      expect([200, 201]).toContain(answer.status);
      accepted.push(name);
    };
    const clients = Array.from({ length: 4 }, async (_, client) => {
      for (let index = 0; !rolling.isOver; index += 1) await enrol(`roller-${client + 2}-${index}x`);
    });
    for (const [index, server] of servers.entries()) {
      balancer.backends = servers.filter((other) => other !== server).map(portOf);
      const ended = once(server.child, "exit");
      server.child.kill("SIGTERM");
      expect(await ended).toEqual([0, null]);
      servers[index] = await start();
      balancer.backends = servers.map(portOf);
      const before = accepted.length;
      await expect.poll(() => accepted.length).toBeGreaterThan(before + 4);
    }
    rolling.isOver = true;
    await Promise.all(clients);
    const token = await signIn(balancer, personOf(accepted[0] ?? ""));
    for (const name of accepted) expect((await call(balancer, "GET", `/v1/names/${name}`, { token })).status).toBe(200);
  });

  /** As clients do: what breaks off is asked again. */
  async function untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries += 1) {
      try {
        return await ask();
      } catch (error) {
        if (tries >= 20) throw error;
      }
    }
  }
});
