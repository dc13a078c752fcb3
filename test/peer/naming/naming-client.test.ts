import { describe, expect, test } from "vitest";
import { systemRuntime } from "../../../peer/messaging/runtime.ts";
import { createClock } from "../../../peer/naming/clock.ts";
import { createNamingClient, type NamingClientOptions } from "../../../peer/naming/naming-client.ts";
import { verifyAssertion } from "../../../shared/assertion.ts";
import { type ErrorCode, isChatError } from "../../../shared/errors.ts";
import { expectError } from "../../support/expect-error.ts";
import { assertionIn, granted, startNamingClient as start } from "../../support/naming-client.ts";
import { NOW_MS, personOf, recordTextOf } from "../../support/people.ts";
import { json, problem, type Script } from "../../support/scripted-server.ts";

const bob = personOf("bob");
const record = await recordTextOf(bob);
const bobOf = () => json({ name: "bob", record, addresses: [] });

describe("asking for a token", () => {
  test("sends a form with an assertion for the server's URL, and the token with every request", async () => {
    await using it = await start(() => bobOf());
    await it.client.lookup(bob.username);
    await it.client.lookup(bob.username);
    const [token, ...lookups] = it.server.requests;
    if (token === undefined) throw new Error("no request");
    expect(token.headers["content-type"]).toBe("application/x-www-form-urlencoded");
    const form = new URLSearchParams(token.body.toString());
    expect(form.get("grant_type")).toBe("client_credentials");
    expect(form.get("client_assertion_type")).toBe("urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    await verifyAssertion(assertionIn(token), { aud: it.server.url, nowMs: NOW_MS });
    expect(lookups.map(({ headers }) => headers.authorization)).toEqual(["Bearer token-1", "Bearer token-1"]);
  });

  test("takes a fresh token once when the server refuses the one at hand", async () => {
    let lookups = 0;
    await using it = await start(() => (++lookups === 1 ? problem(401, "TOKEN_INVALID", { reason: "exp" }) : bobOf()));
    await it.client.lookup(bob.username);
    expect(it.seen().map(({ headers }) => headers.authorization)).toEqual(["Bearer token-1", "Bearer token-2"]);
  });

  test("gives up when the fresh token is refused too", async () => {
    await using it = await start(() => problem(401, "TOKEN_INVALID", { reason: "device" }));
    await expectError(it.client.lookup(bob.username), "TOKEN_INVALID", "device");
    expect(it.seen()).toHaveLength(2);
  });

  test.each<[ErrorCode, number]>([
    ["FORBIDDEN", 403],
    ["SIGNATURE_INVALID", 401],
    ["CLOCK_SKEW", 401],
  ])("does not retry after %s, which no fresh token cures", async (code, status) => {
    await using it = await start(() => problem(status, code));
    await expectError(it.client.withdrawAddresses(), code);
    expect(it.seen()).toHaveLength(1);
  });

  test("is not tried without a registered profile", async () => {
    await using it = await start(() => bobOf(), { credentials: undefined });
    await expectError(it.client.lookup(bob.username), "TOKEN_MISSING");
    await expectError(it.client.publishAddresses("a.b.c"), "TOKEN_MISSING");
    expect(it.server.requests).toEqual([]);
  });
});

describe("an address record that the server finds out of time", () => {
  test.each<[ErrorCode, string | undefined]>([
    ["RECORD_EXPIRED", undefined],
    ["RECORD_INVALID", "lifetime"],
  ])("teaches the server's time by %s, so that the next one fits", async (code, reason) => {
    const serverTime = NOW_MS / 1000 + 10_800;
    await using it = await start(() => problem(400, code, { ...(reason && { reason }), serverTime }));
    await expectError(it.client.publishAddresses("a.b.c"), code, reason);
    expect(it.clock.now()).toBe(serverTime * 1000);
  });
});

/** A token endpoint that checks assertions as the real one does, for `aud` at `nowMs`. */
function strictTokens(expected: { aud: string; nowMs: number }): Script {
  return async (request) => {
    if (request.path !== "/v1/token") return bobOf();
    try {
      await verifyAssertion(assertionIn(request), expected);
      return granted(0);
    } catch (error) {
      if (!isChatError(error)) throw error;
      return problem(401, error.code, { reason: error.reason, ...error.details });
    }
  };
}

describe("meeting a server for the first time", () => {
  async function meet(expected: { aud: string; nowMs: number }, options: Partial<NamingClientOptions> = {}) {
    const adopted: string[] = [];
    const onAudience = (audience: string) => adopted.push(audience);
    return { adopted, ...(await start(strictTokens(expected), { scriptGrants: true, onAudience, ...options })) };
  }

  test("adopts the server's spelling of its URL, once, and says so", async () => {
    await using it = await meet({ aud: "https://names.example.org", nowMs: NOW_MS });
    expect(it.client.audience).toBe(it.server.url);
    await it.client.lookup(bob.username);
    expect(it.adopted).toEqual(["https://names.example.org"]);
    expect(it.client.audience).toBe("https://names.example.org");
  });

  test("keeps the spelling that a profile has pinned, and says whose server it is not", async () => {
    await using it = await meet(
      { aud: "https://evil.example", nowMs: NOW_MS },
      { audience: "https://names.example.org" },
    );
    const error = await expectError(it.client.lookup(bob.username), "SERVER_MISMATCH");
    expect(error.message).toContain("https://names.example.org");
    expect(it.client.audience).toBe("https://names.example.org");
    expect(it.adopted).toEqual([]);
    expect(it.server.requests).toHaveLength(1);
  });

  test("does not adopt what is no server URL", async () => {
    await using it = await meet({ aud: "everything", nowMs: NOW_MS });
    await expectError(it.client.lookup(bob.username), "SERVER_MISMATCH");
    expect(it.adopted).toEqual([]);
  });

  test.each([
    ["a day ahead", 86_400_000],
    ["a day behind", -86_400_000],
    ["ten minutes off", 600_000],
  ])("adopts the server's time when this clock is %s", async (_, offBy) => {
    await using it = await meet({ aud: "https://names.example.org", nowMs: NOW_MS });
    it.time.ms += offBy;
    await it.client.lookup(bob.username);
    expect(it.clock.offsetMs).toBe(-offBy);
    expect(it.clock.now()).toBe(NOW_MS);
  });
});

test("a client is not made for plain http to another computer, unless that is allowed", async () => {
  const clock = createClock(() => NOW_MS);
  const options = { url: "http://names.example.org", clock, randomId: () => "x", timers: systemRuntime };
  await expectError(() => createNamingClient(options), "HTTP_REFUSED");
  createNamingClient({ ...options, allowHttp: true }).close();
});
