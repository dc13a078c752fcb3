import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { Client } from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { openPostgresStore } from "../../../../naming-server/storage/postgres/postgres-store.ts";
import { selfSigned } from "../../../support/certificate.ts";
import { expectError } from "../../../support/expect-error.ts";
import { startFaultProxy } from "../../../support/fault-proxy.ts";
import {
  type Answer,
  call,
  putRecord,
  refusal,
  signIn,
  spawnNamingServer,
  startServerProcess,
} from "../../../support/naming-server.ts";
import { personOf, recordOf, recordTextOf } from "../../../support/people.ts";
import { hasOwnPostgres, TestPostgres } from "../../../support/postgres.ts";
import { rowOf } from "../../../support/record-row.ts";
import { temporaryDirectory } from "../../../support/temporary-directory.ts";

const alice = personOf("alice");
const nowSeconds = () => Math.floor(Date.now() / 1000);
const UNLIMITED = ["--rate-limit-factor", "1000000"];

const enrol = async (url: string, name: string) =>
  putRecord({ url }, name, await recordTextOf(personOf(name), { iat: nowSeconds() }));

describe.skipIf(!hasOwnPostgres())("a naming server whose PostgreSQL", () => {
  const postgres = TestPostgres.forFile({ own: true });

  test.each(["immediate", "fast"] as const)(
    "stops under load (%s) answers 503, loses nothing that it acknowledged, and goes on once it is back",
    async (how) => {
      const databaseUrl = await postgres.createDatabase();
      const { url, child } = await startServerProcess({ databaseUrl, args: UNLIMITED });
      const load = { isOver: false };
      onTestFinished(() => {
        load.isOver = true;
      });
      const [accepted, refused]: [string[], Answer[]] = [[], []];
      const clients = Array.from({ length: 8 }, async (_, client) => {
        for (let index = 0; !load.isOver; index += 1) {
          const name = `loader-${client + 2}-${index}x`;
          const answer = await enrol(url, name);
          if (answer.status === 201) accepted.push(name);
          else refused.push(answer);
        }
      });
      await expect.poll(() => accepted.length).toBeGreaterThan(10);
      await postgres.cluster.stop(how);
      await expect.poll(() => refused.length).toBeGreaterThan(10);
      expect((await call({ url }, "GET", "/healthz")).status).toBe(200);
      expect(refusal(await call({ url }, "GET", "/readyz"))).toMatchObject({ status: 503 });
      await postgres.cluster.start();
      const back = accepted.length;
      await expect.poll(() => accepted.length).toBeGreaterThan(back + 4);
      load.isOver = true;
      await Promise.all(clients);
      expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([503]));
      expect(refused.map(({ text }) => text).join()).not.toMatch(/postgres|127\.0\.0\.1|ECONN|terminat/i);
      const token = await signIn({ url }, personOf(accepted[0] ?? ""));
      const found = accepted.map((name) => call({ url }, "GET", `/v1/names/${name}`, { token }));
      expect(new Set((await Promise.all(found)).map(({ status }) => status))).toEqual(new Set([200]));
      expect(child.exitCode).toBeNull();
    },
  );

  test("hangs on a lock answers 503, and everybody once that is gone", { timeout: 60_000 }, async () => {
    const databaseUrl = await postgres.createDatabase();
    const { url } = await startServerProcess({ databaseUrl, args: UNLIMITED });
    await enrol(url, "alice");
    const token = await signIn({ url }, alice);
    const locker = new Client({ connectionString: databaseUrl });
    await locker.connect();
    await locker.query("BEGIN");
    await locker.query("LOCK TABLE names");
    const look = (index: number) => call({ url }, "GET", `/v1/names/nobody-${index}x`, { token });
    const stuck = await Promise.all([
      ...Array.from({ length: 30 }, (_, index) => look(index)),
      ...Array.from({ length: 30 }, (_, index) => enrol(url, `stuck-${index}x`)),
    ]);
    for (const answer of stuck) expect(refusal(answer)).toEqual({ status: 503, code: "SERVER_BUSY" });
    expect(stuck.every(({ headers }) => headers.get("retry-after") !== null)).toBe(true);
    await locker.query("ROLLBACK");
    await locker.end();
    const after = await Promise.all([
      ...Array.from({ length: 30 }, (_, index) => look(index)),
      ...Array.from({ length: 30 }, (_, index) => enrol(url, `stuck-${index}x`)),
    ]);
    expect(after.map(({ status }) => status)).toEqual([...Array(30).fill(404), ...Array(30).fill(201)]);
  });

  test("falls silent gives the connection up, and finds another", { timeout: 60_000 }, async () => {
    const direct = new URL(await postgres.createDatabase());
    await using proxy = await startFaultProxy({ host: "127.0.0.1", port: Number(direct.port) });
    direct.port = String(proxy.port);
    const store = await openPostgresStore(direct.href);
    onTestFinished(() => store.close());
    await store.createName(rowOf(await recordOf(alice)));
    proxy.setFaults({ blackHole: true });
    await expectError(store.findName(alice.username), "STORAGE");
    proxy.setFaults({});
    expect(await store.findName(alice.username)).toMatchObject({ seq: 1 });
  });

  test("starts later than the server is waited for", { timeout: 60_000 }, async () => {
    const databaseUrl = await postgres.createDatabase();
    await postgres.cluster.stop("fast");
    const opening = openPostgresStore(databaseUrl);
    opening.catch(() => undefined);
    await postgres.cluster.start();
    const store = await opening;
    await store.ping();
    await store.close();
  });

  /** Starts a server that gives up, and says what it printed. */
  async function failStart(databaseUrl: string) {
    const child = spawnNamingServer({ databaseUrl, args: ["--log-level", "trace"] });
    const exit = once(child, "exit");
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = await exit;
    return { code, stdout, stderr };
  }

  test("cannot be used is refused in one line that holds no password", { timeout: 60_000 }, async () => {
    const { host } = new URL(postgres.cluster.url);
    const user = "postgres://postgres:canary-password";
    const outcomes = await Promise.all([
      failStart(`${user}@127.0.0.1:1/names`),
      failStart(`${user}@${host}/no-such-database`),
      failStart(`${user}@[canary-password/names`),
      failStart(`${user}@${host}/postgres?sslrootcert=/no/such/file`),
    ]);
    expect(outcomes.map(({ code }) => code)).toEqual([3, 3, 1, 1]);
    for (const { stdout, stderr } of outcomes) {
      expect(stdout).toBe("");
      expect(stderr).toMatch(/^{"level":60,[^\n]+}\n$/);
      expect(stderr).not.toContain("canary");
    }
    expect(outcomes[1]?.stderr).toContain('database \\"no-such-database\\" does not exist');
  });

  test("has a certificate is known by it, and by no other", { timeout: 60_000 }, async () => {
    const url = new URL(await postgres.createDatabase());
    url.searchParams.set("sslmode", "verify-full");
    url.searchParams.set("sslrootcert", postgres.cluster.certificatePath);
    const store = await openPostgresStore(url.href);
    onTestFinished(() => store.close());
    await store.ping();
    const encrypted = "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)";
    const ours = await postgres.run(url.href, `${encrypted} WHERE application_name = 'p2pchat-naming-server'`);
    expect(ours).toEqual([{ ssl: true }]);
    const other = join(temporaryDirectory(), "other.crt");
    writeFileSync(other, selfSigned().cert);
    url.searchParams.set("sslrootcert", other);
    await expectError(openPostgresStore(url.href), "STORAGE");
  });

  test("fails is logged without the password of its URL", { timeout: 60_000 }, async () => {
    const databaseUrl = new URL(await postgres.createDatabase());
    databaseUrl.password = "canary-password";
    const { url, child } = await startServerProcess({
      databaseUrl: databaseUrl.href,
      args: [...UNLIMITED, "--log-level", "trace"],
    });
    const stderr = text(child.stderr);
    await postgres.cluster.stop("immediate");
    for (const name of ["alice", "carol"]) {
      expect(refusal(await enrol(url, name))).toMatchObject({ status: 503, code: "STORAGE" });
    }
    await postgres.cluster.start();
    child.kill("SIGTERM");
    expect(await stderr).toMatch(/"fault":"[A-Za-z]+ ECONNREFUSED"/);
    expect(await stderr).not.toContain("canary");
  });
});
