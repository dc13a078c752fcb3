import { once } from "node:events";
import { closeSync, copyFileSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { SigningKeys } from "../../../naming-server/signing-keys.ts";
import { openSqliteStore } from "../../../naming-server/storage/sqlite-store.ts";
import { canInjectFaults, canMount, UNSHARE } from "../../support/capabilities.ts";
import { expectError } from "../../support/expect-error.ts";
import {
  call,
  putRecord,
  refusal,
  signIn,
  spawnNamingServer,
  startServerProcess,
} from "../../support/naming-server.ts";
import { personOf, recordOf, recordTextOf } from "../../support/people.ts";
import { rowOf } from "../../support/record-row.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const bob = personOf("bob");
const nowSeconds = () => Math.floor(Date.now() / 1000);
const freshPath = () => join(temporaryDirectory(), "naming.db");

function integrityOf(path: string): unknown {
  const database = new DatabaseSync(path);
  try {
    return database.prepare("PRAGMA integrity_check").get()?.integrity_check;
  } finally {
    database.close();
  }
}

/** A database with some pages of names in it, closed. */
async function writeDatabase(path: string, names = 40): Promise<void> {
  const store = openSqliteStore(path);
  for (let index = 0; index < names; index += 1) {
    await store.createName(rowOf(await recordOf(personOf(`user-${"abcdefghkjl".at(index % 11)}${index}x`))));
  }
  await store.close();
}

function straceOf(systemCall: string, injection: string): string[] {
  return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", `trace=${systemCall}`, "-e", `inject=${injection}`];
}

/** Starts the program on a database that it cannot use. */
async function failStart(databasePath: string, wrapper: readonly string[] = []) {
  const child = spawnNamingServer({ databasePath, wrapper });
  const exit = once(child, "exit");
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await exit;
  return { code, stdout, stderr };
}

describe("a server killed at any write or fsync of a registration", () => {
  test.skipIf(!canInjectFaults()).each(["pwrite64", "fsync"])(
    "%s: has the name whole or not at all, and a retry converges",
    { timeout: 180_000 },
    async (systemCall) => {
      let kills = 0;
      while (await isKilledAt(systemCall, kills + 1)) {
        kills += 1;
        expect(kills).toBeLessThan(60);
      }
      expect(kills).toBeGreaterThan(1);
    },
  );

  /** False once the registration ends before the nth such call. */
  async function isKilledAt(systemCall: string, nth: number): Promise<boolean> {
    const databasePath = freshPath();
    await writeDatabase(databasePath, 1);
    const wrapper = straceOf(systemCall, `${systemCall}:signal=KILL:when=${nth}`);
    const record = await recordTextOf(bob, { iat: nowSeconds() });
    const answer = await startServerProcess({ databasePath, wrapper })
      .then(({ url }) => putRecord({ url }, "bob", record))
      .catch(() => undefined);
    expect(integrityOf(databasePath)).toBe("ok");
    const { url } = await startServerProcess({ databasePath });
    const retry = await putRecord({ url }, "bob", record);
    expect(answer === undefined ? [200, 201] : [200]).toContain(retry.status);
    const token = await signIn({ url }, bob);
    expect((await call({ url }, "GET", "/v1/names/bob/history", { token })).json).toMatchObject({ records: [record] });
    return answer === undefined;
  }
});

describe("a disk that is full", () => {
  test.skipIf(!canMount())(
    "refuses writes, not reads, and takes writes again once there is room",
    { timeout: 120_000 },
    async () => {
      const mountPoint = temporaryDirectory();
      const script = 'mount -t tmpfs -o size=2m tmpfs "$0" && exec "$@"';
      const wrapper = ["unshare", ...UNSHARE, "sh", "-c", script, mountPoint];
      const { url, child } = await startServerProcess({ databasePath: join(mountPoint, "naming.db"), wrapper });
      const inside = `/proc/${child.pid}/root${mountPoint}`;
      await putRecord({ url }, "bob", await recordTextOf(bob, { iat: nowSeconds() }));
      const token = await signIn({ url }, bob);
      const filler = openSync(join(inside, "filler"), "w");
      fill(filler);
      const late = personOf("late");
      const lateRecord = await recordTextOf(late, { iat: nowSeconds() });
      await expect
        .poll(async () => refusal(await register(url, fresh())), { timeout: 60_000, interval: 0 })
        .toEqual({ status: 503, code: "STORAGE" });
      const refused = await putRecord({ url }, "late", lateRecord);
      expect(refusal(refused)).toEqual({ status: 503, code: "STORAGE" });
      expect(refused.headers.get("retry-after")).not.toBeNull();
      expect(refused.text).not.toMatch(/sql|disk|tmpfs|naming\.db/i);
      expect((await call({ url }, "GET", "/v1/names/bob", { token })).status).toBe(200);
      expect((await call({ url }, "GET", "/readyz")).status).toBe(200);
      expect((await call({ url }, "GET", "/v1/names/late", { token })).status).toBe(404);
      closeSync(filler);
      rmSync(join(inside, "filler"));
      expect((await putRecord({ url }, "late", lateRecord)).status).toBe(201);
      expect((await call({ url }, "GET", "/v1/names/late", { token })).status).toBe(200);
    },
  );

  let people = 0;
  function fresh() {
    people += 1;
    return personOf(`person-${people}x`);
  }

  async function register(url: string, person: ReturnType<typeof personOf>) {
    return putRecord({ url }, person.username, await recordTextOf(person, { iat: nowSeconds() }));
  }

  function fill(file: number): void {
    const block = Buffer.alloc(4096);
    try {
      while (writeSync(file, block) > 0);
    } catch (error) {
      expect(error).toMatchObject({ code: "ENOSPC" });
    }
  }
});

describe("a flaky disk", () => {
  test.skipIf(!canInjectFaults())("whose fsync fails has no write acknowledged and loses none that was", async () => {
    const { url, databasePath } = await startWithFewSyncs();
    for (const name of ["ann", "ben", "cat"]) {
      const answer = await putRecord({ url }, name, await recordTextOf(personOf(name), { iat: nowSeconds() }));
      expect(refusal(answer)).toEqual({ status: 503, code: "STORAGE" });
    }
    expect((await call({ url }, "GET", "/readyz")).status).toBe(200);
    const copy = freshPath();
    for (const suffix of ["", "-wal"]) copyFileSync(databasePath + suffix, copy + suffix);
    const store = openSqliteStore(copy);
    expect(await store.listSigningKeys()).toHaveLength(2);
    await store.close();
    expect(integrityOf(copy)).toBe("ok");
  });

  /** The disk allows as many fsyncs as it takes to start on a database that is complete, and no more. */
  async function startWithFewSyncs() {
    const complete = freshPath();
    const store = openSqliteStore(complete);
    await SigningKeys.open(store, Date.now);
    await store.close();
    for (let allowed = 1; allowed < 10; allowed += 1) {
      const databasePath = freshPath();
      copyFileSync(complete, databasePath);
      const wrapper = straceOf("fsync", `fsync:error=EIO:when=${allowed + 1}+`);
      const started = await startServerProcess({ databasePath, wrapper }).catch(() => undefined);
      if (started !== undefined) return { ...started, databasePath };
    }
    throw new Error("the server does not start");
  }
});

describe("a database that cannot be used", () => {
  test("is refused when a page is damaged, with advice and an exit code, and left as it was", async () => {
    const databasePath = freshPath();
    await writeDatabase(databasePath);
    const file = openSync(databasePath, "r+");
    for (let page = 3; page * 4096 < statSync(databasePath).size; page += 2) {
      writeSync(file, Buffer.alloc(2048, 0xaa), 0, 2048, page * 4096);
    }
    closeSync(file);
    const before = readFileSync(databasePath);
    const { code, stdout, stderr } = await failStart(databasePath);
    expect([code, stdout]).toEqual([3, ""]);
    expect(stderr).toMatch(/^{"level":60,[^\n]*"code":"STORE_CORRUPT","msg":"[^\n]*restore it from a backup"}\n$/);
    expect(readFileSync(databasePath)).toEqual(before);
  });

  test("is refused when it is no database, another program's, or a newer release's", async () => {
    const garbage = freshPath();
    writeFileSync(garbage, "x".repeat(9000));
    await expectError(() => openSqliteStore(garbage), "STORE_CORRUPT");
    const foreign = freshPath();
    new DatabaseSync(foreign).exec("CREATE TABLE t (x)");
    await expectError(() => openSqliteStore(foreign), "STORE_CORRUPT");
    const newer = freshPath();
    await writeDatabase(newer, 1);
    new DatabaseSync(newer).exec("PRAGMA user_version = 999");
    await expectError(() => openSqliteStore(newer), "VERSION_UNSUPPORTED");
  });

  test("is refused when its directory is missing", async () => {
    const { code, stderr } = await failStart(join(temporaryDirectory(), "missing", "naming.db"));
    expect(code).toBe(3);
    expect(stderr).toMatch(/^{"level":60,[^\n]*"msg":"cannot open the database [^\n]+"}\n$/);
  });

  test.skipIf(!canMount())("is refused when it is on a read-only file system", async () => {
    const directory = temporaryDirectory();
    const databasePath = join(directory, "naming.db");
    await writeDatabase(databasePath, 1);
    const script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"';
    const { code, stdout, stderr } = await failStart(databasePath, [
      "unshare",
      ...UNSHARE,
      "sh",
      "-c",
      script,
      directory,
    ]);
    expect([code, stdout]).toEqual([3, ""]);
    expect(stderr).toMatch(/^{"level":60,[^\n]*"msg":"cannot [^\n]+"}\n$/);
  });
});
