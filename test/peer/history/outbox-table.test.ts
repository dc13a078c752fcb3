import { describe, expect, test } from "vitest";
import { pad } from "../../../shared/padding.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import { bob, carol, idOf, openedStore, outgoing } from "../../support/opened-store.ts";

function withRows(count: number) {
  const store = openedStore();
  store.transaction(() => {
    for (let seq = 1; seq <= count; seq += 1) store.outbox.add(outgoing(seq));
  });
  return store;
}

const seqs = (rows: readonly { readonly seq: number }[]) => rows.map(({ seq }) => seq);

describe("the outbox", () => {
  test("gives back what was added, in that order, page by page", () => {
    const { outbox } = withRows(5);
    const [first, second] = outbox.queued(bob.device, 0, 2);
    expect(first).toMatchObject({ ...outgoing(1), state: "queued", path: null, attempts: 0, error: undefined });
    expect(seqs(outbox.queued(bob.device, second?.id ?? 0, 10))).toEqual([3, 4, 5]);
    expect(outbox.queued(carol.device, 0, 10)).toEqual([]);
  });

  test("gives back the same from memory and from the disk, more than it remembers included", () => {
    const store = withRows(300);
    const again = openedStore(store.path);
    const facts = { device: bob.device, to: bob.username };
    const remembered = store.outbox.queued(bob.device, 0, 300);
    expect(remembered).toHaveLength(300);
    expect(again.outbox.queued(bob.device, 0, 300)).toEqual(remembered);
    expect(remembered[0]).toMatchObject({ ...facts, plaintext: outgoing(1).plaintext });
    expect(remembered[299]).toMatchObject({ ...facts, plaintext: outgoing(300).plaintext });
  });

  test("sends what is on the disk where an acknowledgement was undone", () => {
    const { outbox, transaction } = withRows(1);
    const undo = () =>
      transaction(() => {
        expect(outbox.markStored(bob.device, idOf("own envelope 1"), "direct")).toBe(true);
        throw new Error("no room");
      });
    expect(undo).toThrow("no room");
    expect(outbox.queued(bob.device, 0, 1)).toMatchObject([outgoing(1)]);
  });

  test("knows whether anything waits for a device", () => {
    const { outbox, transaction } = withRows(1);
    expect(outbox.hasQueued(bob.device)).toBe(true);
    expect(outbox.hasQueued(carol.device)).toBe(false);
    transaction(() => outbox.markStored(bob.device, idOf("own envelope 1"), "direct"));
    expect(outbox.hasQueued(bob.device)).toBe(false);
  });

  test("clears a row by its device and envelope, and by nothing else", () => {
    const { outbox, transaction } = withRows(2);
    transaction(() => {
      expect(outbox.markStored(carol.device, idOf("own envelope 1"), "direct")).toBe(false);
      expect(outbox.markStored(bob.device, idOf("own envelope 3"), "direct")).toBe(false);
      expect(outbox.markStored(bob.device, idOf("own envelope 1"), "direct")).toBe(true);
      expect(outbox.markStored(bob.device, idOf("own envelope 1"), "direct")).toBe(false);
    });
    expect(seqs(outbox.queued(bob.device, 0, 10))).toEqual([2]);
    const [stored] = outbox.ofMessage(outgoing(1).messageId);
    expect(stored).toMatchObject({ state: "stored", path: "direct", plaintext: new Uint8Array() });
  });

  test("fails and queues again; an ack settles a failed row too", () => {
    const { outbox, transaction } = withRows(3);
    const [one, two] = outbox.queued(bob.device, 0, 3);
    transaction(() => {
      outbox.markFailed(one?.id ?? 0, "QUOTA", undefined);
      outbox.markFailed(two?.id ?? 0, "ENVELOPE_INVALID", "chain");
    });
    expect(seqs(outbox.queued(bob.device, 0, 10))).toEqual([3]);
    expect(seqs(outbox.failed("QUOTA"))).toEqual([1]);
    expect(outbox.counts()).toEqual({ queued: 1, relayed: 0, failed: 2 });
    transaction(() => outbox.requeue(one?.id ?? 0));
    expect(outbox.queued(bob.device, 0, 1)).toMatchObject([{ seq: 1, error: undefined, reason: undefined }]);
    transaction(() => outbox.markStored(bob.device, idOf("own envelope 2"), "direct"));
    expect(outbox.counts()).toEqual({ queued: 2, relayed: 0, failed: 0 });
  });

  test("takes what lies in a mailbox for left, unless it was cancelled meanwhile or refused", () => {
    const { outbox, transaction } = withRows(3);
    const [one, two, three] = outbox.queued(bob.device, 0, 3);
    if (one === undefined || two === undefined || three === undefined) throw new Error("nothing is queued");
    transaction(() => {
      outbox.replace(two.id, { ...two, envelopeId: idOf("tombstone"), tombstone: true });
      outbox.markRelayed([one, two, three], { relay: carol.device, store: idOf("store", 16), atMs: 1 });
    });
    expect(seqs(outbox.unrelayed(bob.device, 10))).toEqual([2]);
    transaction(() => outbox.markFailed(three.id, "QUOTA", undefined));
    transaction(() => outbox.requeue(three.id));
    expect(seqs(outbox.unrelayed(bob.device, 10))).toEqual([2, 3]);
    expect(outbox.pathOf(three.messageId)).toBeNull();
  });

  test("counts a message that was given up as failed, and one that was cancelled not at all", () => {
    const { outbox, transaction } = withRows(4);
    const [one, two, three, four] = outbox.queued(bob.device, 0, 4);
    if (one === undefined || two === undefined || three === undefined || four === undefined) throw new Error("too few");
    const left = { relay: carol.device, store: idOf("store", 16), atMs: 1 };
    const givenUp = { ...one, envelopeId: idOf("given up"), tombstone: true, error: "TIMED_OUT" } as const;
    const cancelled = { ...two, envelopeId: idOf("cancelled"), tombstone: true };
    transaction(() => {
      outbox.replace(one.id, givenUp);
      outbox.replace(two.id, cancelled);
      outbox.markRelayed([three], left);
    });
    expect(outbox.counts()).toEqual({ queued: 1, relayed: 1, failed: 1 });
    transaction(() => outbox.markRelayed([givenUp, cancelled, four], left));
    expect(outbox.counts()).toEqual({ queued: 0, relayed: 2, failed: 1 });
    expect(outbox.open()[0]).toMatchObject({ state: "relayed", tombstone: true, error: "TIMED_OUT" });
  });

  test("counts attempts of queued messages of that device, and leaves tombstones their reason", () => {
    const { outbox, transaction } = withRows(2);
    const [one] = outbox.queued(bob.device, 0, 1);
    if (one === undefined) throw new Error("nothing is queued");
    transaction(() => {
      outbox.add(outgoing(9, { device: carol.device }));
      outbox.replace(one.id, { ...one, envelopeId: idOf("tombstone"), tombstone: true, error: "TIMED_OUT" });
      outbox.noteAttempt(bob.device, "PEER_UNREACHABLE", "no-address");
    });
    expect(outbox.open().map(({ seq, attempts, error, reason }) => [seq, attempts, error, reason])).toEqual([
      [1, 0, "TIMED_OUT", undefined],
      [2, 1, "PEER_UNREACHABLE", "no-address"],
      [9, 0, undefined, undefined],
    ]);
  });

  test("says of all that waits why it does, and counts attempts of what would have gone out", () => {
    const { outbox, transaction } = withRows(LIMITS.sendWindowMessages + 1);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      transaction(() => outbox.noteAttempt(bob.device, "PEER_UNREACHABLE", "dial"));
    }
    const noted = outbox.open().map(({ attempts, error, reason }) => ({ attempts, error, reason }));
    const why = { error: "PEER_UNREACHABLE", reason: "dial" };
    expect(noted.slice(0, -1)).toEqual(Array(LIMITS.sendWindowMessages).fill({ attempts: 3, ...why }));
    expect(noted.at(-1)).toEqual({ attempts: 1, ...why });
    transaction(() => outbox.noteAttempt(bob.device, "TIMED_OUT", undefined));
    expect(outbox.open().at(-1)).toMatchObject({ error: "TIMED_OUT", reason: undefined });
  });

  test("replaces an envelope, a device and a number in place", () => {
    const { outbox, transaction } = withRows(2);
    const [one] = outbox.queued(bob.device, 0, 1);
    if (one === undefined) throw new Error("nothing is queued");
    const plaintext = pad(Buffer.from("another"));
    transaction(() =>
      outbox.replace(one.id, { ...one, device: carol.device, seq: 7, envelopeId: idOf("new"), plaintext }),
    );
    expect(outbox.queued(carol.device, 0, 1)).toMatchObject([
      { id: one.id, seq: 7, envelopeId: idOf("new"), plaintext },
    ]);
    expect(outbox.queued(bob.device, 0, 10)).toHaveLength(1);
    expect(outbox.waiting().map(({ device }) => device)).toEqual([carol.device, bob.device]);
  });

  test("says what became of a message on all its devices", () => {
    const { outbox, transaction } = openedStore();
    const both = [outgoing(1), outgoing(1, { device: carol.device, envelopeId: idOf("for carol") })];
    transaction(() => {
      for (const row of both) outbox.add(row);
    });
    const { messageId } = outgoing(1);
    expect(outbox.stateOf(messageId)).toBe("queued");
    const [first] = outbox.ofMessage(messageId);
    transaction(() => outbox.markFailed(first?.id ?? 0, "QUOTA", undefined));
    expect(outbox.stateOf(messageId)).toBe("queued");
    transaction(() => outbox.markStored(carol.device, idOf("for carol"), "direct"));
    expect(outbox.stateOf(messageId)).toBe("stored");
    expect(outbox.stateOf(idOf("nobody", 16))).toBe("failed");
  });

  test("finds what is queued since before a time", () => {
    const { outbox } = withRows(3);
    expect(seqs(outbox.queuedBefore(outgoing(3).acceptedAtMs))).toEqual([1, 2]);
  });

  test("never gives one id to two rows, removed ones included", () => {
    const { outbox, transaction } = withRows(3);
    const last = outbox.open().at(-1)?.id ?? 0;
    transaction(() => {
      outbox.remove(last);
      outbox.add(outgoing(4));
    });
    expect(outbox.open().at(-1)?.id).toBe(last + 1);
  });
});
