import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { NETWORK_LIMITS } from "../../../peer/network/limits.ts";
import { MailboxConnection } from "../../../peer/network/mailbox-connection.ts";
import { publicKeyOfDevice } from "../../../shared/device-id.ts";
import { privateKeyObject, rawPublicKey } from "../../../shared/ed25519.ts";
import type { MailboxFrameBody } from "../../../shared/mailbox-frames.ts";
import { verifyBoxOpening, verifyBoxReceipt } from "../../../shared/mailbox-signatures.ts";
import { soon } from "../../support/channels.ts";
import { expectError } from "../../support/expect-error.ts";
import { connectTo, RelayEnd, startFakeMailbox, WELCOME, withFakeMailbox } from "../../support/fake-mailbox.ts";
import { FakeTime } from "../../support/fake-time.ts";
import { personOf } from "../../support/people.ts";
import { unhandledDuring } from "../../support/unhandled.ts";

const boxKey = privateKeyObject(new Uint8Array(32).fill(1));
const box = rawPublicKey(boxKey);
const otherBox = rawPublicKey(privateKeyObject(new Uint8Array(32).fill(2)));
const tokenKey = new Uint8Array(32).fill(3);
const token = new Uint8Array(32).fill(4);
const parcel = new Uint8Array(2048).fill(5);
const contacts = { key: boxKey, kind: "contacts", tokenKey } as const;

/** Nothing can be heard while a test's time passes. */
const UNWATCHED = { pingIntervalMs: Number.POSITIVE_INFINITY };

describe("a request to a mailbox", () => {
  test("opens a box with a signature for this relay and this stream", async () => {
    await withFakeMailbox({}, async ({ mailbox, relay, fake }) => {
      const opening = mailbox.open(contacts);
      const request = await relay.hear("open");
      const content = { relay: publicKeyOfDevice(fake.peer.device), challenge: WELCOME.challenge };
      expect(() =>
        verifyBoxOpening({ ...content, kind: "contacts", tokenKey }, request.signature, request.box),
      ).not.toThrow();
      expect(request.box).toEqual(box);
      relay.say({ type: "opened", request: request.request, parcels: 2, bytes: 4096 });
      expect(await opening).toEqual({ parcels: 2, bytes: 4096 });
      expect(mailbox.store).toEqual(WELCOME.store);
      expect(mailbox.limits).toEqual(WELCOME.limits);
    });
  });

  test("fetches parcels in the order of their places", async () => {
    await withFakeMailbox({}, async ({ mailbox, relay }) => {
      const fetching = mailbox.fetch(box, 6);
      const { request, after } = await relay.hear("fetch");
      expect(after).toBe(6);
      relay.say({ type: "parcel", request, box, place: 7, storedAt: 100, parcel });
      relay.say({ type: "parcel", request, box, place: 9, storedAt: 101, parcel });
      relay.say({ type: "fetched", request, last: 9, more: true });
      const parcels = [7, 9].map((place, index) => ({ place, storedAt: 100 + index, parcel }));
      expect(await fetching).toEqual({ parcels, last: 9, more: true });
    });
  });

  test("signs a receipt for this relay and this stream", async () => {
    await withFakeMailbox({}, async ({ mailbox, relay, fake }) => {
      const receiving = mailbox.receipt(boxKey, [7, 9]);
      const { request, places, signature } = await relay.hear("receipt");
      const content = { relay: publicKeyOfDevice(fake.peer.device), challenge: WELCOME.challenge };
      expect(() => verifyBoxReceipt({ ...content, box, places: [7, 9] }, signature)).not.toThrow();
      expect(places).toEqual([7, 9]);
      relay.say({ type: "deleted", request });
      await receiving;
    });
  });

  test("is answered whatever was asked before and after it", async () => {
    await withFakeMailbox({}, async ({ mailbox, relay }) => {
      const depositing = Array.from({ length: 2000 }, () => mailbox.deposit(box, token, parcel));
      const numbers: number[] = [];
      for (let n = 0; n < 2000; n += 1) numbers.push((await relay.hear("deposit")).request);
      expect(new Set(numbers).size).toBe(2000);
      for (const request of numbers.reverse()) relay.say({ type: "deposited", request });
      await Promise.all(depositing);
    });
  });

  test("that cannot be signed says so, is owed no answer, and leaves nothing behind", async () => {
    const time = new FakeTime();
    const runtime = time.runtime("mailbox");
    const unhandled = await unhandledDuring(() =>
      withFakeMailbox({ runtime, limits: UNWATCHED }, async ({ mailbox, relay }) => {
        const { privateKey: key } = generateKeyPairSync("x25519");
        await expect(mailbox.open({ ...contacts, key })).rejects.toThrow();
        await expect(mailbox.receipt(key, [1])).rejects.toThrow();
        time.pass(60_000);
        const depositing = mailbox.deposit(box, token, parcel);
        const { request } = await relay.hear("deposit");
        relay.say({ type: "deposited", request });
        await depositing;
      }),
    );
    expect(unhandled).toEqual([]);
  });

  test("that is refused rejects with the relay's code, and the others go on", async () => {
    await withFakeMailbox({}, async ({ mailbox, relay }) => {
      const refusedOne = mailbox.deposit(box, token, parcel);
      const other = mailbox.deposit(box, null, parcel);
      const { request } = await relay.hear("deposit");
      relay.say({ type: "refused", request, code: "QUOTA", reason: "box" });
      await expectError(() => refusedOne, "QUOTA", "box");
      relay.say({ type: "deposited", request: (await relay.hear("deposit")).request });
      await other;
    });
  });
});

describe("a notice", () => {
  test("is passed on once until the box is fetched", async () => {
    await withFakeMailbox({}, async ({ mailbox, relay }) => {
      const noticed: Uint8Array[] = [];
      mailbox.onNotice((of) => noticed.push(of));
      const opening = mailbox.open(contacts);
      relay.say({ type: "opened", request: (await relay.hear("open")).request, parcels: 0, bytes: 0 });
      await opening;
      for (let n = 0; n < 5; n += 1) relay.say({ type: "notice", box });
      const depositing = mailbox.deposit(box, token, parcel);
      relay.say({ type: "deposited", request: (await relay.hear("deposit")).request });
      await depositing;
      expect(noticed).toEqual([box]);
      const fetching = mailbox.fetch(box, 0);
      relay.say({ type: "notice", box }, { type: "notice", box });
      relay.say({ type: "fetched", request: (await relay.hear("fetch")).request, last: 0, more: false });
      await fetching;
      expect(noticed).toEqual([box, box]);
    });
  });

  test("of a box that was not opened here ends the connection", async () => {
    await withFakeMailbox({}, async ({ mailbox, relay }) => {
      relay.say({ type: "notice", box });
      expect(await mailbox.closed).toMatchObject({ code: "FRAME_INVALID" });
    });
  });
});

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

describe("the end of a connection to a mailbox", () => {
  test("by its owner rejects what was asked, and is no failure", async () => {
    await withFakeMailbox({}, async ({ mailbox, relay }) => {
      const depositing = mailbox.deposit(box, token, parcel);
      const rejected = expectError(() => depositing, "PEER_UNREACHABLE", "closed");
      await mailbox.close();
      await rejected;
      expect(await mailbox.closed).toBeUndefined();
      await relay.raw.ended();
      await expectError(() => mailbox.deposit(box, token, parcel), "PEER_UNREACHABLE", "closed");
    });
  });

  test("by the relay rejects what was asked", async () => {
    await withFakeMailbox({}, async ({ mailbox, relay }) => {
      const depositing = mailbox.deposit(box, token, parcel);
      await relay.hear("deposit");
      relay.raw.reset();
      await expectError(() => depositing, "PEER_UNREACHABLE");
      expect(await mailbox.closed).toMatchObject({ code: "PEER_UNREACHABLE" });
    });
  });

  test("leaves the relay without a connection, and each came under another key", async () => {
    await using fake = await startFakeMailbox();
    const keys = new Set<string>();
    for (let n = 0; n < 2; n += 1) {
      const connecting = connectTo(fake.address, { signal: soon() });
      new RelayEnd(await fake.peer.accept()).say(WELCOME);
      const mailbox = await connecting;
      for (const { remotePeer } of fake.peer.node.getConnections()) keys.add(remotePeer.toString());
      await mailbox.close();
      await expect.poll(() => fake.peer.node.getConnections().length).toBe(0);
    }
    expect(keys.size).toBe(2);
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
