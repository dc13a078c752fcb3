import { describe, expect, test } from "vitest";
import { createAudience } from "../../../peer/naming/audience.ts";
import { createClock } from "../../../peer/naming/clock.ts";
import { createAccessTokens, type GrantedToken } from "../../../peer/naming/tokens.ts";
import { verifyAssertion } from "../../../shared/assertion.ts";
import { ChatError } from "../../../shared/errors.ts";
import { expectError } from "../../support/expect-error.ts";
import { AUDIENCE, NOW_MS, NOW_SECONDS, personOf } from "../../support/people.ts";

const alice = personOf("alice");

/** Tokens of a server that `exchange` plays; `time.ms` is this computer's clock. */
function tokensOf(exchange: (assertion: string, attempt: number) => Promise<GrantedToken>, pinned?: string) {
  const time = { ms: NOW_MS };
  const assertions: string[] = [];
  const clock = createClock(() => time.ms);
  const audience = createAudience(pinned, AUDIENCE);
  const tokens = createAccessTokens({
    credentials: alice,
    audience,
    clock,
    randomId: () => `jti-0123456789-${assertions.length}`,
    exchange: (assertion) => exchange(assertion, assertions.push(assertion)),
  });
  return { time, assertions, clock, audience, tokens };
}

const grant = async (_: string, attempt: number) => ({ token: `token ${attempt}`, lifetimeSeconds: 600 });

describe("access tokens", () => {
  test("are bought with an assertion that the server accepts", async () => {
    const { tokens, assertions } = tokensOf(grant);
    expect(await tokens.get()).toBe("token 1");
    const { claims, device } = await verifyAssertion(assertions[0] ?? "", { aud: AUDIENCE, nowMs: NOW_MS });
    expect(device).toBe(alice.device);
    expect(claims).toEqual({
      iss: "alice",
      sub: "alice",
      aud: AUDIENCE,
      jti: "jti-0123456789-0",
      iat: NOW_SECONDS,
      exp: NOW_SECONDS + 60,
    });
  });

  test("serve until half a minute before they expire", async () => {
    const { tokens, time, assertions } = tokensOf(grant);
    await tokens.get();
    time.ms += 569_999;
    expect(await tokens.get()).toBe("token 1");
    time.ms += 1;
    expect(await tokens.get()).toBe("token 2");
    expect(assertions).toHaveLength(2);
  });

  test("of a very short life serve for half of it", async () => {
    const { tokens, time } = tokensOf(async (_, attempt) => ({ token: `token ${attempt}`, lifetimeSeconds: 10 }));
    await tokens.get();
    time.ms += 4999;
    expect(await tokens.get()).toBe("token 1");
    time.ms += 1;
    expect(await tokens.get()).toBe("token 2");
  });

  test("are bought once for all who ask meanwhile", async () => {
    const { tokens, assertions } = tokensOf(grant);
    expect(await Promise.all([tokens.get(), tokens.get(), tokens.get()])).toEqual(["token 1", "token 1", "token 1"]);
    expect(assertions).toHaveLength(1);
  });

  test("are bought anew once forgotten, but not because an older one is forgotten late", async () => {
    const { tokens, assertions } = tokensOf(grant);
    const old = await tokens.get();
    tokens.forget(old);
    expect(await tokens.get()).toBe("token 2");
    tokens.forget(old);
    expect(await tokens.get()).toBe("token 2");
    expect(assertions).toHaveLength(2);
  });

  test("are bought with another id when the server has seen the first one", async () => {
    const { tokens, assertions } = tokensOf(async (assertion, attempt) => {
      if (attempt === 1) throw new ChatError("TOKEN_REPLAYED", "seen");
      return grant(assertion, attempt);
    });
    expect(await tokens.get()).toBe("token 2");
    expect(new Set(assertions).size).toBe(2);
  });

  test("are not asked for a third time when the cure does not help", async () => {
    const { tokens, assertions, clock } = tokensOf(async (_, attempt) => {
      clock.adopt(NOW_SECONDS + attempt * 1000);
      throw new ChatError("CLOCK_SKEW", "still wrong");
    });
    await expectError(tokens.get(), "CLOCK_SKEW");
    expect(assertions).toHaveLength(2);
  });

  test.each(["CLOCK_SKEW", "TOKEN_INVALID", "RATE_LIMITED"] as const)(
    "are not asked for again after %s that taught nothing",
    async (code) => {
      const { tokens, assertions } = tokensOf(() => Promise.reject(new ChatError(code, "no")));
      await expectError(tokens.get(), code);
      expect(assertions).toHaveLength(1);
      await expectError(tokens.get(), code);
      expect(assertions).toHaveLength(2);
    },
  );
});
