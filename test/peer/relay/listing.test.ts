import { describe, expect, test } from "vitest";
import { Listing, type RelayList } from "../../../peer/relay/listing.ts";
import { abortReason } from "../../../shared/abort-reason.ts";
import { deviceIdOf } from "../../../shared/device-id.ts";
import { privateKeyObject, publicKeyOfSeed } from "../../../shared/ed25519.ts";
import { ChatError } from "../../../shared/errors.ts";
import { type RelayDescriptorPayload, verifyRelayDescriptor } from "../../../shared/relay-descriptor.ts";
import { FakeTime } from "../../support/fake-time.ts";
import { seedOf } from "../../support/networks.ts";

const seed = seedOf("relay");
const relay = deviceIdOf(publicKeyOfSeed(seed));
const limits = { reservations: 1, boxes: 2, parcelsPerBox: 3, bytesPerBox: 4, keepSeconds: 5 };
const addressAt = (host: string) => `/ip4/${host}/tcp/9443/p2p/${relay}`;
const addrs = [addressAt("192.0.2.1")];
const HOUR_MS = 3_600_000;

type Answer = (list: { audience: string }, signal: AbortSignal) => void | Promise<void>;

/** A list that answers as it is told, and the relay on it. */
function world({ answers = [] as Answer[], offered = addrs } = {}) {
  const time = new FakeTime();
  const published: RelayDescriptorPayload[] = [];
  const failures: string[] = [];
  let settled = Promise.withResolvers<void>();
  const list = {
    audience: "https://typed.example",
    async publishRelay(_: string, descriptor: string, signal: AbortSignal) {
      published.push((await verifyRelayDescriptor(descriptor, { nowMs: time.nowMs })).payload);
      await answers.shift()?.(list, signal);
    },
  } satisfies RelayList & { audience: string };
  const done = () => {
    settled.resolve();
    settled = Promise.withResolvers();
  };
  const listing = new Listing({
    list,
    offer: { relay, roles: ["mailbox", "nat"], limits, operator: "Eve", addrs: offered },
    key: privateKeyObject(seed),
    now: () => time.nowMs,
    runtime: time.runtime("relay"),
    listed: done,
    failed: ({ code }) => {
      failures.push(code);
      done();
    },
  });
  /** Lets that much time pass, and waits for what it brings about. */
  const afterwards = async (run: () => void) => {
    const { promise } = settled;
    run();
    await promise;
  };
  return { time, published, failures, listing, afterwards };
}

const refuse =
  (error: ChatError, learn: (list: { audience: string }) => void = () => {}) =>
  (list: { audience: string }) => {
    learn(list);
    throw error;
  };

describe("a relay on a list", () => {
  test("is renewed before its descriptor expires, each time with a higher number, and withdraws at the end", async () => {
    const { time, published, listing, afterwards } = world();
    await afterwards(() => listing.start());
    await afterwards(() => time.pass(HOUR_MS / 2));
    await afterwards(() => time.pass(HOUR_MS / 2));
    await listing.stop();
    expect(published.map((descriptor) => descriptor.addrs)).toEqual([addrs, addrs, addrs, []]);
    const numbers = published.map(({ seq }) => seq);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    expect(published[0]).toMatchObject({ relay, roles: ["mailbox", "nat"], limits, operator: "Eve" });
    expect(time.timers).toBe(0);
  });

  test.each([
    ["https://names.example", [addressAt("192.0.2.1")]],
    ["https://names.internal", [addressAt("192.0.2.1"), addressAt("10.0.0.7")]],
    ["http://localhost:8080", [addressAt("192.0.2.1"), addressAt("10.0.0.7"), addressAt("127.0.0.1")]],
  ])("tells of addresses that the users of %s can dial", async (audience, expected) => {
    const aud = new ChatError("RECORD_INVALID", "another server", { reason: "aud" });
    const adopt = (list: { audience: string }) => {
      list.audience = audience;
    };
    const named = `/dns4/relay.example.org/tcp/4001/p2p/${relay}`;
    const offered = [named, ...["192.0.2.1", "10.0.0.7", "127.0.0.1"].map(addressAt)];
    const { published, listing, afterwards } = world({ offered, answers: [refuse(aud, adopt)] });
    await afterwards(() => listing.start());
    await listing.stop();
    expect(published[1]?.addrs).toEqual(expected);
  });

  test("withdraws nothing by having no such address: the server says what is wrong", async () => {
    const offered = [addressAt("10.0.0.7")];
    const { published, listing, afterwards } = world({ offered });
    await afterwards(() => listing.start());
    await listing.stop();
    expect(published[0]?.addrs).toEqual(offered);
  });

  test("signs again under the URL that the server asks for", async () => {
    const aud = new ChatError("RECORD_INVALID", "another server", { reason: "aud" });
    const adopt = (list: { audience: string }) => {
      list.audience = "https://names.example";
    };
    const { published, failures, listing, afterwards } = world({ answers: [refuse(aud, adopt)] });
    await afterwards(() => listing.start());
    expect(published.map((descriptor) => descriptor.aud)).toEqual(["https://typed.example", "https://names.example"]);
    expect(failures).toEqual([]);
    await listing.stop();
  });

  test("tries again, less and less often, while the server is away, and has nothing to withdraw", async () => {
    const away = () => refuse(new ChatError("SERVER_UNREACHABLE", "away"));
    const { time, published, failures, listing, afterwards } = world({ answers: Array.from({ length: 4 }, away) });
    await afterwards(() => listing.start());
    for (const seconds of [5, 10, 20]) {
      const before = published.length;
      time.pass((seconds * 1000 * 3) / 4 - 1);
      expect(published).toHaveLength(before);
      await afterwards(() => time.pass((seconds * 1000) / 4 + 1));
    }
    expect(failures).toEqual(["SERVER_UNREACHABLE", "SERVER_UNREACHABLE", "SERVER_UNREACHABLE", "SERVER_UNREACHABLE"]);
    await listing.stop();
    expect(published).toHaveLength(4);
  });

  test("gives up what the server refuses for good, until the next time", async () => {
    const closed = new ChatError("FORBIDDEN", "closed");
    const { published, failures, listing, afterwards } = world({ answers: [refuse(closed)] });
    await afterwards(() => listing.start());
    expect(published).toHaveLength(1);
    expect(failures).toEqual(["FORBIDDEN"]);
    await listing.stop();
  });

  test("withdraws what it was publishing when it is stopped: the server may have taken it", async () => {
    const asked = Promise.withResolvers<void>();
    const silent: Answer = async (_, signal) => {
      asked.resolve();
      await new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(abortReason(signal)));
      });
    };
    const { time, published, failures, listing } = world({ answers: [silent] });
    listing.start();
    await asked.promise;
    await listing.stop();
    expect(published.map((descriptor) => descriptor.addrs)).toEqual([addrs, []]);
    expect(published[1]?.seq).toBeGreaterThan(published[0]?.seq ?? Number.NaN);
    expect([failures, time.timers]).toEqual([[], 0]);
  });

  test.each([
    ["TIMED_OUT", undefined],
    ["SERVER_ERROR", undefined],
    ["SERVER_UNREACHABLE", "timeout"],
    ["SERVER_UNREACHABLE", "connection"],
  ] as const)("withdraws what was published without an answer: %s (%s)", async (code, reason) => {
    const lost = new ChatError(code, "no answer", reason === undefined ? {} : { reason });
    const { published, listing, afterwards } = world({ answers: [refuse(lost)] });
    await afterwards(() => listing.start());
    await listing.stop();
    expect(published.map((descriptor) => descriptor.addrs)).toEqual([addrs, []]);
  });
});
