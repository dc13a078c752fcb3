import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RATE_LIMITS, type RateClass, scaleRates } from "../../naming-server/limits.ts";
import { RateLimiter } from "../../naming-server/rate-limiter.ts";
import {
  assertionOf,
  call,
  refusal,
  register,
  requestToken,
  signIn,
  startTestServer,
} from "../support/naming-server.ts";
import { personOf } from "../support/people.ts";

const rates = { ...RATE_LIMITS, lookup: { network: { burst: 3, perSecond: 0.5 }, caller: { burst: 2, perSecond: 1 } } };

function startLimiter() {
  const refused: RateClass[] = [];
  const limiter = new RateLimiter(rates, (rateClass) => refused.push(rateClass));
  const isAdmitted = (network: string, nowMs: number) => attempt(() => limiter.admitNetwork("lookup", network, nowMs));
  return { limiter, refused, isAdmitted };
}

function attempt(admit: () => void): boolean | unknown {
  try {
    admit();
    return true;
  } catch (error) {
    return error;
  }
}

describe("a rate limit", () => {
  test("lets a burst through, then says for how long to wait, and counts it", () => {
    const { isAdmitted, refused } = startLimiter();
    expect([0, 0, 0].map((now) => isAdmitted("a", now))).toEqual([true, true, true]);
    expect(isAdmitted("a", 0)).toMatchObject({ code: "RATE_LIMITED", details: { retryAfterSeconds: 2 } });
    expect(isAdmitted("a", 1500)).toMatchObject({ details: { retryAfterSeconds: 1 } });
    expect(isAdmitted("a", 2000)).toBe(true);
    expect(refused).toEqual(["lookup", "lookup"]);
  });

  test("is one for each network, caller and class", () => {
    const { limiter, isAdmitted } = startLimiter();
    for (let request = 0; request < 3; request += 1) isAdmitted("a", 0);
    expect(isAdmitted("b", 0)).toBe(true);
    expect(attempt(() => limiter.admitNetwork("token", "a", 0))).toBe(true);
    expect(attempt(() => limiter.admitCaller("lookup", "a", 0))).toBe(true);
  });

  test("that a class does not have refuses nobody", () => {
    const { limiter } = startLimiter();
    for (let request = 0; request < 10_000; request += 1) limiter.admitCaller("log", "bob", 0);
  });

  test("never lets more through than its burst and what came back, whatever the times", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 60 }), (gaps) => {
        const { isAdmitted } = startLimiter();
        let now = 0;
        let admitted = 0;
        for (const gap of gaps) {
          now += gap;
          if (isAdmitted("a", now) === true) admitted += 1;
        }
        expect(admitted).toBeLessThanOrEqual(3 + (now / 1000) * 0.5 + 0.01);
      }),
    );
  });

  test("is met again by whoever waits as long as they were told", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000 }), (offset) => {
        const { isAdmitted } = startLimiter();
        for (let request = 0; request < 3; request += 1) isAdmitted("a", offset);
        const refused = isAdmitted("a", offset) as { details: { retryAfterSeconds: number } };
        expect(isAdmitted("a", offset + refused.details.retryAfterSeconds * 1000)).toBe(true);
      }),
    );
  });
});

describe("a server", () => {
  const bob = personOf("bob");

  async function start(options = {}) {
    const time = { nowMs: 0 };
    const server = await startTestServer({ monotonic: () => time.nowMs, ...options });
    return { server, time };
  }

  test("answers 429 with Retry-After to a network that asks too much, and answers it again later", async () => {
    const { server, time } = await start({
      rates: { ...RATE_LIMITS, open: { network: { burst: 2, perSecond: 0.1 } } },
    });
    const headers = { "x-forwarded-for": "198.51.100.1" };
    const answers = [];
    for (const path of ["/healthz", "/nothing", "/healthz"]) answers.push(await call(server, "GET", path, { headers }));
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 429]);
    expect(answers[2]?.headers.get("retry-after")).toBe("10");
    const forged = await call(server, "PATCH", "/healthz", { headers: { "x-forwarded-for": "198.51.100.2" } });
    expect(refusal(forged)).toEqual({ status: 429, code: "RATE_LIMITED" });
    time.nowMs += 10_000;
    expect((await call(server, "GET", "/healthz")).status).toBe(200);
  });

  test("counts whom a trusted proxy speaks for, IPv6 by /64", async () => {
    const { server } = await start({
      trustedProxies: { hops: 1 },
      rates: { ...RATE_LIMITS, open: { network: { burst: 1, perSecond: 0.1 } } },
    });
    const from = async (client: string) =>
      (await call(server, "GET", "/healthz", { headers: { "x-forwarded-for": client } })).status;
    expect(await from("2001:db8:1:2::1")).toBe(200);
    expect(await from("2001:db8:1:2:ffff::9")).toBe(429);
    expect(await from("2001:db8:1:3::1")).toBe(200);
    expect(await from("6.6.6.6, 203.0.113.9")).toBe(200);
    expect(await from("7.7.7.7, 203.0.113.9")).toBe(429);
  });

  test("counts a caller whatever network they come from, and others not with them", async () => {
    const { server } = await start({ rates });
    const [token, other] = await Promise.all(
      [bob, personOf("carol")].map(async (person) => {
        await register(server, person);
        return signIn(server, person);
      }),
    );
    const look = async (token: string | undefined) => (await call(server, "GET", "/v1/names/bob", { token })).status;
    expect([await look(token), await look(token), await look(token)]).toEqual([200, 200, 429]);
    expect(await look(other)).toBe(429);
    const wide = await start({ rates: { ...rates, lookup: { ...rates.lookup, network: RATE_LIMITS.lookup.network } } });
    await register(wide.server, bob);
    const again = await signIn(wide.server, bob);
    const lookWide = async () => (await call(wide.server, "GET", "/v1/names/bob", { token: again })).status;
    expect([await lookWide(), await lookWide(), await lookWide()]).toEqual([200, 200, 429]);
  });

  test("counts tokens by who gets them, which nobody else can use up", async () => {
    const token = { network: RATE_LIMITS.token.network, caller: { burst: 2, perSecond: 0.01 } };
    const { server } = await start({ rates: { ...RATE_LIMITS, token } });
    await register(server, bob);
    const ask = async (deviceKey = bob.deviceKey) =>
      (await requestToken(server, await assertionOf({ ...bob, deviceKey }, server.clock.nowMs))).status;
    const forged = personOf("mallory").deviceKey;
    expect([await ask(forged), await ask(forged), await ask(forged)]).toEqual([401, 401, 401]);
    expect([await ask(), await ask(), await ask()]).toEqual([200, 200, 429]);
  });

  test("limits every class of request by network", async () => {
    const tight = scaleRates(RATE_LIMITS, 1e-9);
    const { server } = await start({ rates: tight });
    const requests = [
      ["GET", "/v1/names/bob"],
      ["GET", "/v1/presence"],
      ["POST", "/v1/token"],
      ["PUT", `/v1/devices/${bob.device}/addresses`],
      ["POST", "/v1/names/bob/key-packages/claim"],
      ["PUT", "/v1/names/bob"],
      ["GET", "/healthz"],
    ] as const;
    for (const [method, path] of requests) {
      expect((await call(server, method, path)).status).not.toBe(429);
      const answer = await call(server, method, path);
      expect(refusal(answer)).toEqual({ status: 429, code: "RATE_LIMITED" });
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    }
  });
});
