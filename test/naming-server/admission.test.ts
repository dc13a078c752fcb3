import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { hashOfInvite, termsOf } from "../../naming-server/admission.ts";
import { ALLOWANCES } from "../../naming-server/limits.ts";
import { openSqliteStore } from "../../naming-server/storage/sqlite-store.ts";
import { parseUsername } from "../../shared/username.ts";
import { expectError } from "../support/expect-error.ts";
import {
  call,
  PLENTY,
  putRecord,
  refusal,
  register,
  signIn,
  spawnNamingServer,
  startTestServer,
  type TestServer,
} from "../support/naming-server.ts";
import { NOW_SECONDS, personOf, recordOf, recordTextOf } from "../support/people.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const bob = personOf("bob");
const carol = personOf("carol");
const freshPath = () => join(temporaryDirectory(), "naming.db");

const put = async (server: TestServer, person: typeof bob, invite?: string) =>
  refusal(await putRecord(server, person.username, await recordTextOf(person), invite && { "p2pchat-invite": invite }));

async function invited(server: TestServer, uses: number, lifetimeSeconds = 60): Promise<string> {
  const code = `code-${uses}`;
  const store = openSqliteStore(server.databasePath);
  await store.addInvite({ hash: hashOfInvite(code), uses, expires: NOW_SECONDS + lifetimeSeconds });
  await store.close();
  return code;
}

describe("a naming server that is closed", () => {
  test("gives no new name, takes updates and retries, and shows every name it has", async () => {
    const databasePath = freshPath();
    const open = await startTestServer({ databasePath });
    await register(open, bob);
    await open.stop();
    const closed = await startTestServer({ databasePath, registration: "closed" });
    expect(await put(closed, carol, "code")).toEqual({ status: 403, code: "REGISTRATION_CLOSED" });
    expect(await put(closed, bob)).toEqual({ status: 200 });
    const next = await recordTextOf(bob, { previous: await recordOf(bob) });
    expect((await putRecord(closed, "bob", next)).status).toBe(200);
    const token = await signIn(closed, bob);
    expect((await call(closed, "GET", "/v1/names/carol", { token })).status).toBe(404);
  });
});

describe("a naming server by invitation", () => {
  test("gives a name for a code, once for each use, and takes the same bytes again without one", async () => {
    const server = await startTestServer({ registration: "invite" });
    const code = await invited(server, 1);
    expect(await put(server, bob)).toEqual({ status: 403, code: "INVITE_REQUIRED" });
    expect(await put(server, bob, "wrong")).toEqual({ status: 403, code: "INVITE_INVALID" });
    expect(await put(server, bob, code)).toEqual({ status: 201 });
    expect(await put(server, bob, code)).toEqual({ status: 200 });
    expect(await put(server, bob)).toEqual({ status: 200 });
    expect(await put(server, carol, code)).toEqual({ status: 403, code: "INVITE_INVALID" });
    const token = await signIn(server, bob);
    expect((await call(server, "GET", "/v1/names/carol", { token })).status).toBe(404);
    const next = await recordTextOf(bob, { previous: await recordOf(bob) });
    expect((await putRecord(server, "bob", next)).status).toBe(200);
  });

  test("takes a code of two uses from two people at once, and from no third", async () => {
    const server = await startTestServer({ registration: "invite" });
    const code = await invited(server, 2);
    const people = ["ann", "ben", "cat"].map((name) => personOf(name));
    const statuses = (await Promise.all(people.map((person) => put(server, person, code)))).map(({ status }) => status);
    expect(statuses.sort()).toEqual([201, 201, 403]);
  });

  test("takes no code that has expired, nor two", async () => {
    const server = await startTestServer({ registration: "invite" });
    const code = await invited(server, 5);
    expect(await put(server, bob, `${code}, ${code}`)).toEqual({ status: 403, code: "INVITE_INVALID" });
    server.clock.nowMs += 60_000;
    expect(await put(server, bob, code)).toEqual({ status: 403, code: "INVITE_INVALID" });
  });

  test("asks for nothing but the code where registration is open, and does not use it up", async () => {
    const databasePath = freshPath();
    const open = await startTestServer({ databasePath });
    const code = await invited(open, 1);
    expect(await put(open, bob, code)).toEqual({ status: 201 });
    await open.stop();
    const byInvitation = await startTestServer({ databasePath, registration: "invite" });
    expect(await put(byInvitation, carol, code)).toEqual({ status: 201 });
  });
});

test("two invite codes in one request are none", async () => {
  const applicant = { network: "192.0.2.7", invite: ["a", "b"] };
  await expectError(() => termsOf({ registration: "invite", allowances: ALLOWANCES }, applicant), "INVITE_INVALID");
});

describe("new names of one network", () => {
  test("are so many at once and a day, however many are asked for, and later records of names go on", async () => {
    const registration = { burst: 3, everySeconds: 3600 };
    const server = await startTestServer({ ...PLENTY, allowances: { ...ALLOWANCES, registration } });
    const people = Array.from({ length: 12 }, (_, index) => personOf(`p${"abcdefghjkmn"[index]}rson`));
    const answers = await Promise.all(people.map((person) => put(server, person)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(3);
    expect(answers.filter(({ status }) => status !== 201)).toEqual(
      Array.from({ length: 9 }, () => ({ status: 429, code: "RATE_LIMITED" })),
    );
    const refused = await putRecord(server, "bob", await recordTextOf(bob));
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(3000);
    const winner = people[answers.findIndex(({ status }) => status === 201)] ?? bob;
    const next = await recordTextOf(winner, { previous: await recordOf(winner) });
    expect((await putRecord(server, winner.username, next)).status).toBe(200);
    server.clock.nowMs += 3_600_000;
    const iat = NOW_SECONDS + 3600;
    expect((await putRecord(server, "bob", await recordTextOf(bob, { iat }))).status).toBe(201);
  });
});

describe("the invite command", () => {
  async function run(databasePath: string, ...args: string[]) {
    const child = spawnNamingServer({ databasePath, args, command: "invite" });
    const exit = once(child, "exit");
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { code: (await exit)[0], stdout, stderr };
  }

  test("prints a code that the server takes, beside it, and keeps only its hash", async () => {
    const server = await startTestServer({ registration: "invite", clock: { nowMs: Date.now() } });
    const { code, stdout, stderr } = await run(server.databasePath, "--uses", "2", "--expires", "1h");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^[\w-]{22}\n$/);
    const invite = stdout.trim();
    const iat = Math.floor(Date.now() / 1000);
    const headers = { "p2pchat-invite": invite };
    for (const [person, status] of [
      [bob, 201],
      [carol, 201],
      [personOf("dave"), 403],
    ] as const) {
      const record = await recordTextOf(person, { iat });
      expect((await putRecord(server, person.username, record, headers)).status).toBe(status);
    }
    const store = openSqliteStore(server.databasePath);
    expect(await store.findName(parseUsername("dave"))).toBeUndefined();
    await store.close();
    expect(server.log.join("")).not.toContain(invite);
  });

  test.each([
    [["--uses", "0"], "--uses"],
    [["--expires", "7"], "--expires"],
    [["--expires", "0d"], "--expires"],
    [["--force"], "--force"],
    [["extra"], "extra"],
  ])("refuses %j in one line", async (args, complaint) => {
    const { code, stderr } = await run(freshPath(), ...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^p2pchat-naming-server: [^\n]+\n$/);
    expect(stderr).toContain(complaint);
  });

  test("makes no database where there is none", async () => {
    const { code, stderr } = await run(freshPath());
    expect(code).toBe(3);
    expect(stderr).toContain("start the server once");
  });
});
