import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { publicKeyOfDevice } from "../../../../shared/device-id.ts";
import { verifyBoxOpening, verifyBoxReceipt } from "../../../../shared/mailbox-signatures.ts";
import { soon } from "../../../support/channels.ts";
import { expectError } from "../../../support/expect-error.ts";
import { connectTo, RelayEnd, startFakeMailbox, WELCOME, withFakeMailbox } from "../../../support/fake-mailbox.ts";
import { FakeTime } from "../../../support/fake-time.ts";
import { box, boxKey, parcel, token, UNWATCHED } from "../../../support/mailbox-owner.ts";
import { unhandledDuring } from "../../../support/unhandled.ts";

const tokenKey = new Uint8Array(32).fill(3);

const contacts = { key: boxKey, kind: "contacts", tokenKey } as const;

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
