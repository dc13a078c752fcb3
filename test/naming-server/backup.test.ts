import { once } from "node:events";
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { text } from "node:stream/consumers";
import { describe, expect, onTestFinished, test } from "vitest";
import { backUp } from "../../naming-server/backup.ts";
import { SERVER_LIMITS } from "../../naming-server/limits.ts";
import { restoreBackup } from "../../naming-server/restore.ts";
import { openSqliteStore } from "../../naming-server/storage/sqlite-store.ts";
import { encodeBase64url } from "../../shared/base64url.ts";
import { parseUsername } from "../../shared/username.ts";
import { expectError } from "../support/expect-error.ts";
import {
  call,
  putRecord,
  refusal,
  register,
  signIn,
  spawnNamingServer,
  startServerProcess,
  startTestServer,
} from "../support/naming-server.ts";
import { addressRecordOf, NOW_MS, NOW_SECONDS, personOf, recordOf, recordTextOf, relayOf } from "../support/people.ts";
import { rowOf } from "../support/record-row.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const bob = personOf("bob");
const carol = personOf("carol");

async function writeDatabase(path: string, ...people: (typeof bob)[]): Promise<void> {
  const store = openSqliteStore(path);
  for (const person of people) await store.createName(rowOf(await recordOf(person)));
  await store.close();
}

async function namesIn(path: string): Promise<string[]> {
  const store = openSqliteStore(path);
  const found = await Promise.all(["bob", "carol"].map((name) => store.findName(parseUsername(name))));
  await store.close();
  return ["bob", "carol"].filter((_, index) => found[index] !== undefined);
}

async function run(command: string, databasePath: string, ...args: string[]) {
  const child = spawnNamingServer({ databasePath, command, args });
  const exit = once(child, "exit");
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: (await exit)[0], stdout, stderr };
}

function places() {
  const directory = temporaryDirectory();
  return { directory, databasePath: join(directory, "naming.db"), file: join(directory, "copy.db") };
}

describe("a backup", () => {
  test("of a server at work holds every name it had, is one private file, and is a whole database", async () => {
    const { directory, databasePath, file } = places();
    const { url } = await startServerProcess({ databasePath });
    const iat = Math.floor(Date.now() / 1000);
    await putRecord({ url }, "bob", await recordTextOf(bob, { iat }));
    expect(await run("backup", databasePath, file)).toEqual({ code: 0, stdout: `backed up to ${file}\n`, stderr: "" });
    await putRecord({ url }, "carol", await recordTextOf(carol, { iat }));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory).filter((name) => name.startsWith("copy"))).toEqual(["copy.db"]);
    using copy = new DatabaseSync(file, { readOnly: true });
    expect(copy.prepare("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
    expect(copy.prepare("SELECT name FROM names").all()).toEqual([{ name: "bob" }]);
    expect((await call({ url }, "GET", "/readyz")).status).toBe(200);
  });

  test("replaces no file", async () => {
    const { databasePath, file } = places();
    await writeDatabase(databasePath, bob);
    writeFileSync(file, "precious");
    const error = await expectError(backUp(databasePath, file), "STORAGE");
    expect(error.message).toContain("there already");
    expect(readFileSync(file, "utf8")).toBe("precious");
  });

  test("of two at once into one file is one, and what a broken one left is in nobody's way", async () => {
    const { directory, databasePath, file } = places();
    await writeDatabase(databasePath, bob);
    writeFileSync(`${file}.partial`, "left");
    const outcomes = await Promise.allSettled([backUp(databasePath, file), backUp(databasePath, file)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(await namesIn(file)).toEqual(["bob"]);
    const copies = readdirSync(directory).filter((name) => name.startsWith("copy"));
    expect(copies.sort()).toEqual(["copy.db", "copy.db.partial"]);
  });

  test("of no database, or into no directory, is none", async () => {
    const { directory, databasePath, file } = places();
    await expectError(backUp(databasePath, file), "STORAGE");
    expect(readdirSync(directory)).toEqual([]);
    await writeDatabase(databasePath, bob);
    await expectError(backUp(databasePath, join(directory, "missing", "copy.db")), "STORAGE");
    const { code, stderr } = await run("backup", databasePath, join(directory, "missing", "copy.db"));
    expect(code).toBe(3);
    expect(stderr).toMatch(/^p2pchat-naming-server: [^\n]+\n$/);
  });

  test("of another program's database is refused", async () => {
    const { directory, databasePath, file } = places();
    new DatabaseSync(databasePath).exec("CREATE TABLE t (x)");
    await expectError(backUp(databasePath, file), "STORE_CORRUPT");
    expect(readdirSync(directory)).toEqual(["naming.db"]);
  });
});

describe("a restore", () => {
  test("puts the copy in place, and the database that was there aside where that is asked for", async () => {
    const { directory, databasePath, file } = places();
    await writeDatabase(databasePath, bob);
    await backUp(databasePath, file);
    await writeDatabase(databasePath, carol);
    const refused = await run("restore", databasePath, file);
    expect([refused.code, refused.stderr]).toEqual([3, expect.stringContaining("--force")]);
    expect(await namesIn(databasePath)).toEqual(["bob", "carol"]);
    const { code, stdout } = await run("restore", databasePath, file, "--force");
    expect(code).toBe(0);
    const [, aside = ""] = /what was there is now (\S+)\n$/.exec(stdout) ?? [];
    expect(await namesIn(databasePath)).toEqual(["bob"]);
    expect(await namesIn(aside)).toEqual(["bob", "carol"]);
    expect(statSync(databasePath).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory).filter((name) => name.includes("restoring"))).toEqual([]);
  });

  test("brings mailboxes and relays back, and their sequences", async () => {
    const { databasePath, file } = places();
    const store = openSqliteStore(databasePath);
    await store.createName(rowOf(await recordOf(bob)));
    const facts = { seq: 5, expires: NOW_SECONDS + 60, isWithdrawn: false, at: NOW_SECONDS };
    const mailbox = { ...facts, name: bob.username, device: bob.device, record: "mailbox" };
    const relay = { ...facts, relay: relayOf("one").id, record: "relay" };
    await store.putMailbox(mailbox);
    await store.putRelay(relay, 9);
    await store.close();
    await backUp(databasePath, file);
    await restoreBackup({ databasePath, file, force: true }, NOW_MS);
    const restored = openSqliteStore(databasePath);
    onTestFinished(() => restored.close());
    expect((await restored.findName(bob.username))?.devices[0]?.mailbox?.record).toBe("mailbox");
    expect(await restored.listRelays(NOW_SECONDS, 9)).toEqual([{ relay: relay.relay, record: "relay" }]);
    await expectError(restored.putMailbox({ ...mailbox, record: "other" }), "RECORD_CONFLICT");
    await expectError(restored.putRelay({ ...relay, record: "other" }, 9), "RECORD_CONFLICT");
  });

  test("needs no force where there is no database", async () => {
    const { directory, databasePath, file } = places();
    await writeDatabase(databasePath, bob);
    await backUp(databasePath, file);
    const elsewhere = join(directory, "other.db");
    expect(await restoreBackup({ databasePath: elsewhere, file, force: false }, NOW_MS)).toBeUndefined();
    expect(await namesIn(elsewhere)).toEqual(["bob"]);
  });

  test("is refused while a server runs, which notices nothing", async () => {
    const { databasePath, file } = places();
    const { url } = await startServerProcess({ databasePath });
    const iat = Math.floor(Date.now() / 1000);
    await putRecord({ url }, "bob", await recordTextOf(bob, { iat }));
    await backUp(databasePath, file);
    await putRecord({ url }, "carol", await recordTextOf(carol, { iat }));
    const restoring = restoreBackup({ databasePath, file, force: true }, Date.now());
    expect((await expectError(restoring, "SERVER_BUSY")).message).toContain("stop it first");
    const token = await signIn({ url }, bob);
    expect((await call({ url }, "GET", "/v1/names/carol", { token })).status).toBe(200);
  });

  test("of a file that is damaged, foreign, missing or the database itself leaves all as it was", async () => {
    const { directory, databasePath, file } = places();
    await writeDatabase(databasePath, bob);
    await backUp(databasePath, file);
    truncateSync(file, 5000);
    const foreign = join(directory, "foreign.db");
    new DatabaseSync(foreign).exec("CREATE TABLE t (x)");
    const garbage = join(directory, "garbage.db");
    writeFileSync(garbage, "x".repeat(9000));
    const before = readFileSync(databasePath);
    const restore = (from: string) => restoreBackup({ databasePath, file: from, force: true }, NOW_MS);
    await expectError(restore(file), "STORE_CORRUPT");
    await expectError(restore(foreign), "STORE_CORRUPT");
    await expectError(restore(garbage), "STORE_CORRUPT");
    await expectError(restore(join(directory, "missing.db")), "STORAGE");
    await expectError(restore(databasePath), "STORAGE");
    expect(readFileSync(databasePath)).toEqual(before);
    expect(readdirSync(directory).filter((name) => /restoring|before/.test(name))).toEqual([]);
  });

  test("replaces a database that is damaged, which is kept", async () => {
    const { databasePath, file } = places();
    await writeDatabase(databasePath, bob);
    await backUp(databasePath, file);
    writeFileSync(databasePath, "damaged");
    const aside = await restoreBackup({ databasePath, file, force: true }, NOW_MS);
    expect(await namesIn(databasePath)).toEqual(["bob"]);
    expect(readFileSync(String(aside), "utf8")).toBe("damaged");
  });
});

describe("a server that was restored", () => {
  /** Bob was there at the backup; Carol came after it. */
  async function startRestored() {
    const { databasePath, file } = places();
    const before = await startTestServer({ databasePath });
    await register(before, bob);
    const token = await signIn(before, bob);
    const upload = { keyPackages: [encodeBase64url(Buffer.of(1))], lastResort: encodeBase64url(Buffer.of(2)) };
    await call(before, "POST", `/v1/devices/${bob.device}/key-packages`, {
      token,
      type: "application/json",
      body: JSON.stringify(upload),
    });
    await call(before, "PUT", `/v1/devices/${bob.device}/addresses`, {
      token,
      type: "application/jose",
      body: await addressRecordOf(bob, { exp: NOW_SECONDS + 3000 }),
    });
    await backUp(databasePath, file);
    before.clock.nowMs += 600_000;
    await register(before, carol);
    await before.stop();
    await restoreBackup({ databasePath, file, force: true }, NOW_MS + 1_200_000);
    const server = await startTestServer({ databasePath, clock: { nowMs: NOW_MS + 1_200_000 } });
    return { server, carolsFirst: await recordTextOf(carol, { iat: NOW_SECONDS + 600 }) };
  }

  test("takes first records made since the backup again, for a while, and older ones as little as ever", async () => {
    const { server, carolsFirst } = await startRestored();
    const dave = personOf("dave");
    const putAt = async (iat: number) => putRecord(server, "dave", await recordTextOf(dave, { iat }));
    expect(refusal(await putAt(NOW_SECONDS - 301))).toEqual({ status: 401, code: "CLOCK_SKEW" });
    server.clock.nowMs += 86_400_000;
    expect((await putRecord(server, "carol", carolsFirst)).status).toBe(201);
    expect((await putRecord(server, "carol", carolsFirst)).status).toBe(200);
    server.clock.nowMs = NOW_MS + 1_200_000 + SERVER_LIMITS.republishSeconds * 1000;
    expect(refusal(await putAt(NOW_SECONDS + 600))).toEqual({ status: 401, code: "CLOCK_SKEW" });
  });

  test("by other means is told so by a command, and by a mistyped path nothing", async () => {
    const { databasePath, file } = places();
    await writeDatabase(databasePath, bob);
    expect((await run("restored", file)).code).toBe(3);
    const { code, stderr } = await run("restored", databasePath);
    expect([code, stderr]).toEqual([0, ""]);
    const store = openSqliteStore(databasePath);
    expect(await store.findRestoration()).toMatchObject({ since: NOW_SECONDS });
    await store.close();
  });

  test("cannot be told so while it runs: it would go on under the old key of the log", async () => {
    const { databasePath } = places();
    const server = await startTestServer({ databasePath });
    const { code, stderr } = await run("restored", databasePath);
    expect([code, stderr]).toEqual([3, expect.stringContaining("stop it first")]);
    await register(server, bob);
  });

  test("hands out no one-time key package that may have been handed out since, and shows nobody online", async () => {
    const { server, carolsFirst } = await startRestored();
    await putRecord(server, "carol", carolsFirst);
    const token = await signIn(server, carol);
    const claim = await call(server, "POST", "/v1/names/bob/key-packages/claim", { token });
    expect(claim.json).toEqual({
      keyPackages: [{ device: bob.device, keyPackage: encodeBase64url(Buffer.of(2)), lastResort: true }],
    });
    expect((await call(server, "GET", "/v1/presence", { token })).json).toMatchObject({ online: [] });
  });
});
