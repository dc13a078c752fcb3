import { describe, expect, onTestFinished, test } from "vitest";
import { createClock } from "../../../peer/naming/clock.ts";
import { createRelayListing, type ListingTerms } from "../../../peer/naming/relay-listing.ts";
import { expectError } from "../../support/expect-error.ts";
import { call, register, signIn, startTestServer } from "../../support/naming-server.ts";
import { AUDIENCE, NOW_MS, NOW_SECONDS, personOf, relayDescriptorOf, relayOf } from "../../support/people.ts";
import { json, problem, type ScriptedAnswer, startScriptedServer } from "../../support/scripted-server.ts";

const one = relayOf("one");
const accepted = (relay = one.id) => json({ relay, seq: 1, exp: NOW_SECONDS });
const sign = ({ audience, nowMs }: ListingTerms) =>
  relayDescriptorOf(one, { aud: audience, exp: Math.floor(nowMs / 1000) + 1800 });

/** A relay whose computer's clock shows `nowMs`. */
function listingAt(url: string, nowMs = NOW_MS) {
  const clock = createClock(() => nowMs);
  const listing = createRelayListing({ url, clock, relay: one.id });
  onTestFinished(() => listing.close());
  return { listing, clock };
}

async function scripted(...answers: ScriptedAnswer[]) {
  const server = await startScriptedServer(() => answers.shift() ?? "reset");
  onTestFinished(() => server.close());
  return { server, ...listingAt(server.url) };
}

describe("a relay's place on the list", () => {
  test("needs no token: the descriptor is sent as it is", async () => {
    const { server, listing } = await scripted(accepted());
    const descriptor = await relayDescriptorOf(one);
    await listing.publishRelay(descriptor);
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]).toMatchObject({ method: "PUT", path: `/v1/relays/${one.id}` });
    expect(server.requests[0]?.headers["content-type"]).toBe("application/jose");
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
    expect(server.requests[0]?.body.toString()).toBe(descriptor);
  });

  test("is there at the real server, whose URL and time it learns on the way", async () => {
    const server = await startTestServer();
    const mallory = personOf("mallory");
    await register(server, mallory);
    const { listing, clock } = listingAt(server.url, NOW_MS + 86_400_000);
    await listing.publish(sign);
    expect(clock.offsetMs).toBe(-86_400_000);
    const token = await signIn(server, mallory);
    const shown = await call(server, "GET", "/v1/relays", { token });
    expect(shown.json).toEqual({ relays: [await sign({ audience: AUDIENCE, nowMs: NOW_MS })] });
  });

  test.each([
    [403, "FORBIDDEN"],
    [409, "RELAYS_FULL"],
    [412, "RECORD_CONFLICT"],
    [429, "RATE_LIMITED"],
  ] as const)("is refused with %d %s, which is not asked for twice", async (status, code) => {
    const { server, listing } = await scripted(problem(status, code));
    await expectError(listing.publish(sign), code);
    expect(server.requests).toHaveLength(1);
  });

  test("is given up where the server never agrees", async () => {
    const late = (serverTime: number) => problem(400, "RECORD_EXPIRED", { serverTime });
    const { server, listing } = await scripted(late(10), late(20), late(30), late(40));
    await expectError(listing.publish(sign), "RECORD_EXPIRED");
    expect(server.requests).toHaveLength(3);
  });

  test("is not believed where the server names another relay, or changes its URL", async () => {
    const other = "https://elsewhere.example.org";
    const aud = (expectedAudience: string) => problem(400, "RECORD_INVALID", { reason: "aud", expectedAudience });
    const { listing } = await scripted(accepted(relayOf("two").id), aud(AUDIENCE), accepted(), aud(other));
    await expectError(listing.publish(sign), "SERVER_ERROR", "record");
    await listing.publish(sign);
    await expectError(listing.publish(sign), "SERVER_MISMATCH");
  });

  test("is asked for over plain http on this computer only", async () => {
    const options = { url: "http://names.example.org", clock: createClock(() => NOW_MS), relay: one.id };
    await expectError(() => createRelayListing(options), "HTTP_REFUSED");
    createRelayListing({ ...options, allowHttp: true }).close();
  });
});
