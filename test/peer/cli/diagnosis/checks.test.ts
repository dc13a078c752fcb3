import { describe, expect, test } from "vitest";
import type { ProfileInsight, ServerInsight } from "../../../../peer/cli/context.ts";
import { bad, type Check, exitCodeOf, ok, unknown, verdictOf, warn } from "../../../../peer/cli/diagnosis/check.ts";
import { localChecks } from "../../../../peer/cli/diagnosis/local-checks.ts";
import { type Reach, reachChecks } from "../../../../peer/cli/diagnosis/reach-checks.ts";
import { accountChecks, serverChecks } from "../../../../peer/cli/diagnosis/server-checks.ts";
import type { Status } from "../../../../peer/messaging/operations/status.ts";
import { ChatError } from "../../../../shared/errors.ts";
import { fakeOperations } from "../../../support/fake-operations.ts";

const VERSIONS = { p2pchat: "1.0.0", node: "26.10.0", sqlite: "3.53.4" };
const WELL: ProfileInsight = {
  path: "/home/alice/default",
  profile: { username: "alice", server: "https://names.example.org" },
  sealed: true,
  exposed: [],
  freeBytes: 2 ** 40,
  database: { bytes: 400_000, schema: 3, newestSchema: 3, damage: [] },
};
const SERVER: ServerInsight = {
  url: "https://names.example.org",
  publicUrl: "https://names.example.org",
  apiVersion: "1",
  latencyMs: 12,
  clockOffsetMs: 800,
};

function find(checks: readonly Check[], name: string): Check | undefined {
  return checks.find((check) => check.name === name);
}

describe("of a machine where all is well", () => {
  test("every line is ok, and the exit code 0", () => {
    const checks = [...localChecks(WELL, VERSIONS), ...serverChecks(SERVER, SERVER.publicUrl)];
    expect(checks.filter(({ verdict }) => verdict !== "ok")).toEqual([]);
    expect(exitCodeOf(checks)).toBe(0);
    expect(verdictOf(checks)).toBe("ok");
  });
});

describe("what is wrong here is told with what to do:", () => {
  const damaged = { bytes: 1, schema: 3, newestSchema: 3, damage: ["page 3 is never used"] };
  const newer = { bytes: 1, schema: 4, newestSchema: 3, damage: [] };
  test.each<[string, Partial<ProfileInsight>, Partial<Check>]>([
    ["profile", { profile: null }, { verdict: "bad", code: "PROFILE_MISSING" }],
    ["profile", { profile: { code: "STORE_CORRUPT", message: "x" } }, { verdict: "bad", code: "STORE_CORRUPT" }],
    ["keys", { sealed: false }, { verdict: "warn" }],
    ["keys", { sealed: null }, { verdict: "bad", code: "STORE_CORRUPT" }],
    ["files", { exposed: ["keystore.json"] }, { verdict: "warn", message: expect.stringContaining("keystore.json") }],
    ["disk", { freeBytes: 1024 }, { verdict: "bad", code: "STORAGE", message: "1 KiB free" }],
    ["disk", { freeBytes: 100 * 2 ** 20 }, { verdict: "warn", message: "100 MiB free" }],
    ["database", { database: null }, { verdict: "bad", code: "STORE_CORRUPT" }],
    ["database", { database: damaged }, { verdict: "bad", code: "STORE_CORRUPT" }],
    ["database", { database: newer }, { verdict: "bad", advice: "Update p2pchat." }],
  ])("%s of %j", (name, wrong, expected) => {
    const check = find(localChecks({ ...WELL, ...wrong }, VERSIONS), name);
    expect(check).toMatchObject({ advice: expect.any(String), ...expected });
  });

  test("a Node that is too old", () => {
    const check = find(localChecks(WELL, { ...VERSIONS, node: "24.14.9" }), "versions");
    expect(check).toMatchObject({ verdict: "warn", advice: expect.stringContaining("24.15") });
  });
});

describe("the server", () => {
  test.each([
    [29_000, "ok", "within 29 s"],
    [-7_200_000, "warn", "7200 s ahead of"],
    [86_400_000, "warn", "86400 s behind"],
    [null, "unknown", "does not say"],
  ])("whose clock is off by %j is %s", (clockOffsetMs, verdict, words) => {
    const check = find(serverChecks({ ...SERVER, clockOffsetMs }, undefined), "clock");
    expect(check).toMatchObject({ verdict, message: expect.stringContaining(words) });
  });

  test("that is another than the profile's is bad", () => {
    const check = find(serverChecks(SERVER, "https://other.example.org"), "server");
    expect(check).toMatchObject({ verdict: "bad", code: "SERVER_MISMATCH" });
  });

  test("that cannot be reached leaves the clock unknown, and exits with 3", () => {
    const checks = serverChecks(new ChatError("SERVER_UNREACHABLE", "nothing listens there"), undefined);
    expect(checks.map(({ verdict }) => verdict)).toEqual(["bad", "unknown"]);
    expect(exitCodeOf(checks)).toBe(3);
  });

  test("that is not known of is no fault", () => {
    expect(exitCodeOf(serverChecks(undefined, undefined))).toBe(0);
  });
});

describe("the account", () => {
  const log = { size: 3, signedAt: "2026-11-20T18:30:00.000Z", state: "ok" } as const;

  test("is ok where the server knows the device, the record is in the log and key packages are there", async () => {
    const checks = accountChecks(await fakeOperations().diagnose(), log);
    expect(checks.map(({ verdict }) => verdict)).toEqual(["ok", "ok", "ok", "ok"]);
  });

  test("whose record is foreign is bad, and exits with 4 before all else", async () => {
    const trouble = { code: "LOG_INVALID", message: "a key that is not yours" } as const;
    const found = { ...(await fakeOperations().diagnose()), record: { trouble, seq: 2, position: 3 } };
    const checks = [...accountChecks(found, log), bad("disk", { code: "STORAGE", message: "full" })];
    expect(find(checks, "own-record")).toMatchObject({ verdict: "bad", message: "a key that is not yours" });
    expect(exitCodeOf(checks)).toBe(4);
  });

  test("without a token leaves the record unknown, and exits with 6", async () => {
    const trouble = { code: "TOKEN_INVALID", message: "no such device" } as const;
    const found = { token: trouble, keyPackages: null, record: { trouble, seq: null, position: null }, published: [] };
    const checks = accountChecks(found, log);
    expect(checks.map(({ verdict }) => verdict)).toEqual(["bad", "unknown", "ok", "unknown"]);
    expect(exitCodeOf(checks)).toBe(6);
  });

  test.each([
    [{ count: 3, lastResort: true }, "warn"],
    [{ count: 0, lastResort: false }, "bad"],
  ])("with key packages %j is %s", async (keyPackages, verdict) => {
    const checks = accountChecks({ ...(await fakeOperations().diagnose()), keyPackages }, log);
    expect(find(checks, "key-packages")).toMatchObject({ verdict });
  });

  test("whose log has forked is bad", async () => {
    const checks = accountChecks(await fakeOperations().diagnose(), { ...log, state: "LOG_FORKED" });
    expect(find(checks, "log")).toMatchObject({ verdict: "bad", code: "LOG_FORKED" });
  });
});

describe("reachability", () => {
  const doctor: Reach["doctor"] = {
    kindOf: (address) => (address === "relayed" ? "relay" : address === "public" ? "global" : "private"),
    ownKinds: () => ["loopback", "private"],
  };
  const checksOf = async (changed: Partial<Status>) => {
    const status = { ...(await fakeOperations().status()), ...changed };
    return reachChecks({ status, diagnosis: await fakeOperations().diagnose(), doctor });
  };

  test.each<[Partial<Status>, string, string]>([
    [{ addresses: ["public"] }, "unknown", "cannot be known from here"],
    [{ addresses: ["relayed", "private"] }, "ok", "through a relay; this machine has private addresses only"],
    [{ addresses: ["private"] }, "warn", "from this network only"],
    [{ addresses: [] }, "bad", "no address"],
    [{ addresses: ["public"], hidden: true }, "unknown", "presence is off"],
  ])("with %j is %s", async (changed, verdict, words) => {
    const check = find(await checksOf(changed), "reachability");
    expect(check).toMatchObject({ verdict, message: expect.stringContaining(words) });
  });

  test("without a daemon is not known, and that is a warning with what to do", async () => {
    const checks = await checksOf({ daemon: null });
    expect(find(checks, "daemon")).toMatchObject({
      verdict: "warn",
      advice: expect.stringContaining("p2pchat listen"),
    });
    expect(find(checks, "reachability")).toMatchObject({ verdict: "unknown" });
    expect(exitCodeOf(checks)).toBe(0);
  });

  test("of addresses that nobody is shown is bad", async () => {
    const status = { ...(await fakeOperations().status()), addresses: ["public"], published: false };
    const diagnosis = { ...(await fakeOperations().diagnose()), published: [] };
    const check = find(reachChecks({ status, diagnosis, doctor }), "addresses");
    expect(check).toMatchObject({ verdict: "bad", code: "SERVER_UNREACHABLE" });
  });

  test("is looked at as far as a profile that stays closed allows", () => {
    const sealed = new ChatError("PASSPHRASE_REQUIRED", "sealed");
    const checks = reachChecks({ status: sealed, diagnosis: undefined, doctor });
    expect(new Set(checks.map(({ verdict }) => verdict))).toEqual(new Set(["unknown"]));
    const wrong = new ChatError("PASSPHRASE_WRONG", "wrong");
    expect(exitCodeOf(reachChecks({ status: wrong, diagnosis: undefined, doctor }))).toBe(6);
  });

  test("counts what failed in the outbox", async () => {
    const checks = await checksOf({ outbox: { queued: 1, relayed: 0, failed: 2 } });
    expect(find(checks, "outbox")).toMatchObject({ verdict: "warn", message: expect.stringContaining("2 failed") });
  });
});

test("the worst line is the verdict of all", () => {
  expect(verdictOf([])).toBe("ok");
  expect(verdictOf([ok("a", ""), unknown("b", "")])).toBe("unknown");
  expect(verdictOf([warn("a", "", ""), unknown("b", "")])).toBe("warn");
  expect(verdictOf([bad("a", { code: "STORAGE", message: "" }), warn("b", "", "")])).toBe("bad");
});
