import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { NETWORK_LIMITS } from "../../../../peer/network/limits.ts";
import { MailboxConnection } from "../../../../peer/network/mailbox/mailbox-connection.ts";
import { privateKeyObject, rawPublicKey } from "../../../../shared/ed25519.ts";
import type { MailboxFrameBody } from "../../../../shared/mailbox-frames.ts";
import { expectError } from "../../../support/expect-error.ts";
import { connectTo, RelayEnd, startFakeMailbox, WELCOME, withFakeMailbox } from "../../../support/fake-mailbox.ts";
import { FakeTime } from "../../../support/fake-time.ts";
import { box, parcel, token, UNWATCHED } from "../../../support/mailbox-owner.ts";
import { personOf } from "../../../support/people.ts";
import { unhandledDuring } from "../../../support/unhandled.ts";

const otherBox = rawPublicKey(privateKeyObject(new Uint8Array(32).fill(2)));

describe("a relay that lies", () => {
  const fetched = { type: "fetched", request: 0, last: 0, more: false } as const;
  const first = { type: "parcel", request: 0, box, place: 5, storedAt: 1, parcel } as const;
  const large = new Uint8Array(61_440);
  const lies: [string, readonly MailboxFrameBody[]][] = [
    ["answers what nobody asked", [{ ...fetched, request: 1 }]],
    ["answers another kind of request", [{ type: "deposited", request: 0 }]],
    ["sends a parcel of another box", [{ ...first, box: otherBox }]],
    ["sends a place that was read already", [{ ...first, place: 4 }]],
    ["sends a place twice", [first, first]],
    ["sends places that go back", [{ ...first, place: 7 }, first]],
    ["names another last place", [first, { ...fetched, last: 6 }]],
    ["sends nothing and says that there is more", [{ ...fetched, last: 4, more: true }]],
    [
      "sends more than one answer holds",
      Array.from({ length: 9 }, (_, n) => ({ ...first, place: 5 + n, parcel: large })),
    ],
    ["sends a parcel of another size", [{ ...first, parcel: new Uint8Array(2000) }]],
    ["says welcome again", [WELCOME]],
    ["asks something itself", [{ type: "fetch", request: 0, box, after: 0 }]],
  ];
  test.each(lies)("and %s is left, and what was asked rejects", async (_, bodies) => {
    await withFakeMailbox({}, async ({ mailbox, relay }) => {
      const fetching = mailbox.fetch(box, 4);
      const depositing = mailbox.deposit(box, token, parcel);
      await relay.hear("fetch");
      relay.say(...bodies);
      await expectError(() => fetching, "FRAME_INVALID");
      await expectError(() => depositing, "FRAME_INVALID");
      expect(await mailbox.closed).toMatchObject({ code: "FRAME_INVALID" });
      await expectError(() => mailbox.fetch(box, 0), "FRAME_INVALID");
    });
  });

  test("and sends garbage, or a frame over its size, is left", async () => {
    await withFakeMailbox({}, async ({ mailbox, relay }) => {
      relay.raw.writeFrame(Uint8Array.of(1, 2, 3));
      expect(await mailbox.closed).toMatchObject({ code: "FRAME_INVALID" });
    });
    await withFakeMailbox({}, async ({ mailbox, relay }) => {
      relay.raw.writeFrame(new Uint8Array(10), { length: 65_537 });
      expect(await mailbox.closed).toMatchObject({ code: "FRAME_TOO_LARGE" });
    });
  });
});

describe("a mailbox that does not answer", () => {
  test("is left when it accepts connections and says nothing", async () => {
    await using hole = createServer((socket) => socket.on("error", () => {}).resume()).listen(0, "127.0.0.1");
    await new Promise((resolve) => hole.once("listening", resolve));
    const port = (hole.address() as { port: number }).port;
    const relay = `/ip4/127.0.0.1/tcp/${port}/p2p/${personOf("alice").device}`;
    const signal = AbortSignal.timeout(300);
    await expectError(() => connectTo(relay, { signal }), "TIMED_OUT");
  });

  test("is left when nobody listens there, or the address is no relay's", async () => {
    const { device } = personOf("alice");
    await expectError(() => connectTo(`/ip4/127.0.0.1/tcp/1/p2p/${device}`), "PEER_UNREACHABLE", "dial");
    await expectError(() => connectTo("/ip4/127.0.0.1/tcp/1"), "PEER_UNREACHABLE", "no-address");
    await expectError(() => connectTo(`/dns4/localhost/tcp/1/p2p/${device}`), "PEER_UNREACHABLE", "no-address");
  });

  test("is left when it says no welcome", async () => {
    await using fake = await startFakeMailbox();
    const connecting = connectTo(fake.address, { limits: { mailboxAnswerTimeoutMs: 200 } });
    const raw = await fake.peer.accept();
    await expectError(() => connecting, "TIMED_OUT");
    expect(await raw.closed).toBeDefined();
  });

  test("is left when whoever connects gives up", async () => {
    await using fake = await startFakeMailbox();
    const given = new AbortController();
    const connecting = connectTo(fake.address, { signal: given.signal });
    await fake.peer.accept();
    given.abort();
    await expectError(() => connecting, "TIMED_OUT");
  });

  test("is left when another frame comes first", async () => {
    await using fake = await startFakeMailbox();
    const connecting = connectTo(fake.address);
    new RelayEnd(await fake.peer.accept()).say({ type: "deposited", request: 0 });
    await expectError(() => connecting, "FRAME_INVALID");
  });

  test("is left once an answer is owed too long, not before", async () => {
    const time = new FakeTime();
    await withFakeMailbox({ runtime: time.runtime("alice"), limits: UNWATCHED }, async ({ mailbox, relay }) => {
      time.pass(3_600_000);
      const first = mailbox.deposit(box, token, parcel);
      const second = mailbox.deposit(box, token, parcel);
      time.pass(14_000);
      relay.say({ type: "deposited", request: (await relay.hear("deposit")).request });
      await first;
      time.pass(14_000);
      expect(await Promise.race([mailbox.closed, "open"])).toBe("open");
      time.pass(2000);
      await expectError(() => second, "TIMED_OUT");
      expect(await mailbox.closed).toMatchObject({ code: "TIMED_OUT" });
    });
  });
});

test("a connection whose node does not stop is closed all the same", async () => {
  const failures: Error[] = [];
  const unhandled = await unhandledDuring(async () => {
    const mailbox = new MailboxConnection({
      channel: {
        remote: personOf("relay").device,
        send: async () => {},
        abort: (error) => void failures.push(error),
        close: async () => {},
      },
      frames: (async function* () {})(),
      welcome: { ...WELCOME, v: 1 },
      limits: NETWORK_LIMITS,
      runtime: new FakeTime().runtime("mailbox"),
      stop: () => Promise.reject(new Error("does not stop")),
    });
    expect(await mailbox.closed).toBeUndefined();
  });
  expect([unhandled, failures.length]).toEqual([[], 1]);
});
