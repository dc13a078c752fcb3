import { describe, expect, onTestFinished, test } from "vitest";
import { createClock } from "../../../peer/naming/clock.ts";
import { createRelayList } from "../../../peer/naming/relay-list.ts";
import { expectError } from "../../support/expect-error.ts";
import { call, register, signIn, startTestServer } from "../../support/naming-server.ts";
import { AUDIENCE, NOW_MS, NOW_SECONDS, personOf, relayDescriptorOf, relayOf } from "../../support/people.ts";
import { json, problem, type ScriptedAnswer, startScriptedServer } from "../../support/scripted-server.ts";

const one = relayOf("one");
const accepted = (relay = one.id) => json({ relay, seq: 1, exp: NOW_SECONDS });

/** For a relay whose computer's clock shows `nowMs`. */
function listAt(url: string, nowMs = NOW_MS) {
  const clock = createClock(() => nowMs);
  const list = createRelayList({ url, allowHttp: false, clock });
  onTestFinished(() => list.close());
  const publish = async (facts: Parameters<typeof relayDescriptorOf>[1] = {}) => {
    const exp = Math.floor(clock.now() / 1000) + 1800;
    const descriptor = await relayDescriptorOf(one, { aud: list.audience, exp, ...facts });
    await list.publishRelay(one.id, descriptor, AbortSignal.timeout(10_000));
    return descriptor;
  };
  return { list, clock, publish };
}

async function scripted(...answers: ScriptedAnswer[]) {
  const server = await startScriptedServer(() => answers.shift() ?? "reset");
  onTestFinished(() => server.close());
  return { server, ...listAt(server.url) };
}

describe("a relay's place on the list", () => {
  test("needs no token: the descriptor is sent as it is", async () => {
    const { server, publish } = await scripted(accepted());
    const descriptor = await publish();
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]).toMatchObject({ method: "PUT", path: `/v1/relays/${one.id}` });
    expect(server.requests[0]?.headers["content-type"]).toBe("application/jose");
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
    expect(server.requests[0]?.body.toString()).toBe(descriptor);
  });

  test("is there at the real server, whose URL and time are learnt from what it refuses", async () => {
    const server = await startTestServer();
    const mallory = personOf("mallory");
    await register(server, mallory);
    const token = await signIn(server, mallory);
    const shown = async () => (await call(server, "GET", "/v1/relays", { token })).json;
    const { list, clock, publish } = listAt(server.url, NOW_MS + 86_400_000);
    await expectError(publish(), "RECORD_INVALID", "aud");
    expect(list.audience).toBe(AUDIENCE);
    await expectError(publish(), "RECORD_INVALID", "lifetime");
    expect(clock.offsetMs).toBe(-86_400_000);
    expect(await shown()).toEqual({ relays: [] });
    const descriptor = await publish();
    expect(await shown()).toEqual({ relays: [descriptor] });
    await publish({ seq: 2, addrs: [] });
    expect(await shown()).toEqual({ relays: [] });
  });

  test.each([
    [403, "FORBIDDEN"],
    [409, "RELAYS_FULL"],
    [412, "RECORD_CONFLICT"],
    [429, "RATE_LIMITED"],
  ] as const)("may be refused with %d %s", async (status, code) => {
    const { publish } = await scripted(problem(status, code));
    await expectError(publish(), code);
  });

  test("is not believed where the server names another relay, or changes its URL", async () => {
    const aud = (expectedAudience: string) => problem(400, "RECORD_INVALID", { reason: "aud", expectedAudience });
    const { list, publish } = await scripted(accepted(relayOf("two").id), aud(AUDIENCE), aud("https://b.example.org"));
    await expectError(publish(), "SERVER_ERROR", "record");
    await expectError(publish(), "RECORD_INVALID", "aud");
    await expectError(publish(), "SERVER_MISMATCH");
    expect(list.audience).toBe(AUDIENCE);
  });

  test("is asked for over plain http on this computer only, unless that is allowed", async () => {
    const options = { url: "http://names.example.org", clock: createClock(() => NOW_MS) };
    await expectError(() => createRelayList({ ...options, allowHttp: false }), "HTTP_REFUSED");
    createRelayList({ ...options, allowHttp: true }).close();
  });
});
