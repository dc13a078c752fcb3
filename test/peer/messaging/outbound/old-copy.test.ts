import { describe, expect, test } from "vitest";
import { directConversation } from "../../../../shared/conversation.ts";
import { publicKeyOfDevice } from "../../../../shared/device-id.ts";
import { type Envelope, openEnvelope, sealEnvelope } from "../../../../shared/envelope.ts";
import { ChatError } from "../../../../shared/errors.ts";
import type { Frame, FrameBody } from "../../../../shared/frames.ts";
import { ackOf, facing } from "../../../support/facing-mallory.ts";
import { hello } from "../../../support/hostile-answerer.ts";
import type { Person } from "../../../support/people.ts";
import { textBody } from "../../../support/text-body.ts";

const refusalBySeq = (frame: Frame): FrameBody[] =>
  frame.type === "message"
    ? [{ type: "refuse", subject: frame.envelopeId, code: "ENVELOPE_INVALID", reason: "seq" }]
    : [];

const proofOf =
  (signed: Uint8Array | null) =>
  (frame: Frame): FrameBody[] =>
    frame.type === "prove" ? [{ type: "proof", signed }] : [];

type Signer = Pick<Awaited<ReturnType<typeof facing>>["alice"], "self">;

/** An envelope of that device, as a peer keeps it. */
function signedBy({ self }: Signer, to: Person, claimed: Partial<Envelope>): Uint8Array {
  const envelope = {
    v: 1,
    sender: publicKeyOfDevice(self.device),
    recipient: publicKeyOfDevice(to.device),
    incarnation: self.incarnation,
    conversation: directConversation(self.username, to.username),
    seq: 2,
    prevHash: null,
    messageId: new Uint8Array(16),
    sentAt: 0,
    kind: "text",
    body: textBody("what the copy forgot"),
    ...claimed,
  } as const;
  return openEnvelope(sealEnvelope(envelope, self.deviceKey).plaintext).signed;
}

describe("a refusal", () => {
  test("because another message has its number fail that message, where the peer cannot prove it", async () => {
    const { world, alice } = await facing((frame) => [...refusalBySeq(frame), ...proofOf(null)(frame)]);
    await alice.send("mallory", "hi");
    await world.settle();
    expect(alice.restoredNotices).toBe(0);
    expect(alice.outbox()).toMatchObject([{ seq: 1, state: "failed", error: "ENVELOPE_INVALID" }]);
  });

  test("because another message has its number stop an old copy that is shown its own hand", async () => {
    const { world, alice, mallory, answerer } = await facing(() => []);
    const signed = signedBy(alice, mallory, { seq: 1, messageId: new Uint8Array(16).fill(7) });
    answerer.answer = (frame) =>
      frame.type === "hello" ? [hello] : [...refusalBySeq(frame), ...proofOf(signed)(frame)];
    await alice.send("mallory", "hi");
    await world.settle();
    expect(alice.restoredNotices).toBe(1);
    expect(alice.outbox()).toMatchObject([{ state: "queued" }]);
  });

  test("because another message has its number fail that message, where the proof is that very message", async () => {
    const { world, alice, answerer } = await facing(() => []);
    answerer.answer = (frame) => {
      if (frame.type === "hello") return [hello];
      const [row] = alice.store.outbox.open();
      return [...refusalBySeq(frame), ...proofOf(row === undefined ? null : openEnvelope(row.plaintext).signed)(frame)];
    };
    await alice.send("mallory", "hi");
    await world.settle();
    expect(alice.restoredNotices).toBe(0);
    expect(alice.outbox()).toMatchObject([{ seq: 1, state: "failed", error: "ENVELOPE_INVALID" }]);
  });
});

describe("a send that waits", () => {
  test("is answered at once by an old copy that was found out, and so is every later one", async () => {
    const { world, alice, mallory, answerer } = await facing(() => []);
    const signed = signedBy(alice, mallory, { seq: 1, messageId: new Uint8Array(16).fill(7) });
    answerer.answer = (frame) =>
      frame.type === "hello" ? [hello] : [...refusalBySeq(frame), ...proofOf(signed)(frame)];
    const results: unknown[] = [];
    const day = { to: "mallory", wait: "stored", timeoutMs: 24 * 60 * 60_000 } as const;
    void alice.operations.send({ ...day, text: "hi" }).then((result) => results.push(result));
    await world.settle();
    void alice.operations.send({ ...day, text: "hi again" }).then((result) => results.push(result));
    await world.settle();
    expect(results).toMatchObject([
      { state: "queued", devices: [{ state: "queued", error: "PROFILE_UNSAFE", reason: "restored" }] },
      { state: "queued" },
    ]);
    expect(alice.restoredNotices).toBe(1);
  });

  test("is answered, and nothing more is sent, where the disk does not take why", async () => {
    const { world, alice, mallory, answerer } = await facing(() => []);
    const signed = signedBy(alice, mallory, { seq: 1, messageId: new Uint8Array(16).fill(7) });
    answerer.answer = (frame) => {
      if (frame.type === "hello") return [hello];
      if (frame.type === "prove") Object.assign(alice.store, { transaction: full });
      return [...refusalBySeq(frame), ...proofOf(signed)(frame)];
    };
    const full = () => {
      throw new ChatError("STORAGE", "the disk is full", { reason: "full" });
    };
    const results: unknown[] = [];
    const day = { to: "mallory", wait: "stored", timeoutMs: 24 * 60 * 60_000 } as const;
    void alice.operations.send({ ...day, text: "hi" }).then((result) => results.push(result));
    await world.settle();
    expect(results).toMatchObject([{ state: "queued" }]);
    expect(alice.failures).toMatchObject([{ code: "STORAGE" }]);
    const taken = answerer.taken.length;
    await world.pass(60 * 60_000);
    expect(answerer.taken).toHaveLength(taken);
  });
});

describe("hello", () => {
  /** Mallory says that two messages of hers are stored, where Alice remembers one, and is asked to prove it. */
  async function claiming(signed: (alice: Signer, mallory: Person) => Uint8Array | null) {
    const { world, alice, mallory, answerer } = await facing(ackOf);
    const { incarnation } = alice.self;
    const stored = [{ incarnation, conversation: directConversation("alice", "mallory"), seq: 2 }];
    const proof = proofOf(signed(alice, mallory));
    answerer.answer = (frame) =>
      frame.type === "hello" ? [{ type: "hello", incarnation, stored }] : [...ackOf(frame), ...proof(frame)];
    await alice.send("mallory", "hi");
    await world.settle();
    return { alice, answerer };
  }

  test("of a peer that proves that more was sent stops this profile before it sends anything", async () => {
    const { alice, answerer } = await claiming((self, mallory) => signedBy(self, mallory, { seq: 2 }));
    expect(alice.restoredNotices).toBe(1);
    expect(answerer.taken.map(({ type }) => type)).toEqual(["hello", "prove"]);
    expect(alice.outbox()).toMatchObject([{ state: "queued" }]);
  });

  test.each<[string, (alice: Signer, mallory: Person) => Uint8Array | null]>([
    ["nothing", () => null],
    ["a message that is remembered", (alice, mallory) => signedBy(alice, mallory, { seq: 1 })],
    ["another life", (alice, mallory) => signedBy(alice, mallory, { incarnation: new Uint8Array(16) })],
    ["another conversation", (alice, mallory) => signedBy(alice, mallory, { conversation: new Uint8Array(32) })],
    ["words of her own", (alice, mallory) => signedByMallory(alice, mallory)],
  ])("of a peer that shows %s for proof changes nothing", async (_what, signed) => {
    const { alice } = await claiming(signed);
    expect(alice.restoredNotices).toBe(0);
    expect(alice.outbox()).toEqual([]);
  });

  /** As Alice would have signed it, but for the key. */
  function signedByMallory({ self }: Signer, mallory: Person): Uint8Array {
    const { device, deviceKey } = mallory;
    return signedBy({ self: { ...self, device, deviceKey } }, mallory, {});
  }

  test("of a peer that has no more than is remembered is believed, unproven", async () => {
    const { world, alice, answerer } = await facing(ackOf);
    await alice.send("mallory", "one");
    await world.settle();
    const { incarnation } = alice.self;
    const stored = [{ incarnation, conversation: directConversation("alice", "mallory"), seq: 1 }];
    answerer.answer = (frame) => (frame.type === "hello" ? [{ type: "hello", incarnation, stored }] : ackOf(frame));
    const again = world.restart(alice);
    await again.send("mallory", "two");
    await world.settle();
    expect(answerer.taken.filter(({ type }) => type === "hello")).toHaveLength(2);
    expect(answerer.taken.map(({ type }) => type)).not.toContain("prove");
  });

  test("that speaks of other lives or conversations says nothing", async () => {
    const { world, alice, answerer } = await facing(ackOf);
    const { incarnation } = alice.self;
    const stored = [
      { incarnation: new Uint8Array(16), conversation: directConversation("alice", "mallory"), seq: 99 },
      { incarnation, conversation: directConversation("alice", "bob"), seq: 99 },
    ];
    answerer.answer = (frame) => (frame.type === "hello" ? [{ type: "hello", incarnation, stored }] : ackOf(frame));
    await alice.send("mallory", "hi");
    await world.settle();
    expect(alice.restoredNotices).toBe(0);
    expect(alice.outbox()).toEqual([]);
  });
});
