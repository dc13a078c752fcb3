import { describe, expect, test } from "vitest";
import type { InboxStore, Lane } from "../../../peer/messaging/store/inbox.ts";
import { encodeCbor } from "../../../shared/cbor.ts";
import { alice, bob, carol, idOf, inbound, laneOfBob, openedStore } from "../../support/opened-store.ts";

function withMessages(...seqs: number[]) {
  const store = openedStore();
  store.transaction(() => {
    store.inbox.setMark(laneOfBob, 0);
    for (const seq of seqs) store.inbox.add(inbound(seq), "text");
  });
  return store;
}

function heldOf(inbox: InboxStore): number[] {
  const seqs = [];
  for (let seq = inbox.nextHeld(laneOfBob, 0); seq !== undefined; seq = inbox.nextHeld(laneOfBob, seq)) seqs.push(seq);
  return seqs;
}

describe("the inbox", () => {
  test("knows the envelopes of each device", () => {
    const { inbox } = withMessages(1);
    expect(inbox.hasEnvelope(bob.device, inbound(1).envelopeId)).toBe(true);
    expect(inbox.hasEnvelope(carol.device, inbound(1).envelopeId)).toBe(false);
    expect(inbox.hasEnvelope(bob.device, inbound(2).envelopeId)).toBe(false);
  });

  test("knows messages by their sender, whatever the envelope", () => {
    const { inbox } = withMessages(1);
    expect(inbox.hasMessage(bob.username, inbound(1).messageId)).toBe(true);
    expect(inbox.hasMessage(carol.username, inbound(1).messageId)).toBe(false);
  });

  test("keeps the link of each number, lane by lane", () => {
    const { inbox } = withMessages(1, 2);
    expect(inbox.linkAt(laneOfBob, 2)).toEqual(inbound(2).link);
    expect(inbox.linkAt(laneOfBob, 3)).toBeUndefined();
    expect(inbox.linkAt({ ...laneOfBob, incarnation: idOf("other", 16) }, 2)).toBeUndefined();
  });

  test("refuses a second message under one number", () => {
    const { inbox, transaction } = withMessages(1);
    const second = inbound(1, { envelopeId: idOf("another") });
    expect(() => transaction(() => inbox.add(second, "text"))).toThrow(/UNIQUE/);
    expect(inbox.hasEnvelope(bob.device, second.envelopeId)).toBe(false);
  });

  test("shows nothing before it is released, then each under the next cursor", () => {
    const { inbox, transaction } = withMessages(1, 2, 4);
    expect(heldOf(inbox)).toEqual([1, 2, 4]);
    expect(inbox.lastHeld(laneOfBob)).toBe(4);
    expect(inbox.heldLanes()).toEqual([laneOfBob]);
    expect(inbox.visibleAfter(0, 10)).toEqual([]);
    transaction(() => {
      expect(inbox.release(laneOfBob, 1, 0)).toBe(true);
      expect(inbox.release(laneOfBob, 4, 2)).toBe(true);
    });
    const { messageId, from, text, sentAtMs, receivedAtMs, seq, kind, path } = inbound(4);
    const shown = { content: { kind: "text", text }, readable: true, change: false };
    expect(inbox.visibleAfter(1, 10)).toEqual([
      { messageId, from, text, sentAtMs, receivedAtMs, seq, kind, path, ...shown, cursor: 2, gapBefore: 2 },
    ]);
    expect(heldOf(inbox)).toEqual([2]);
    expect(inbox.lastHeld(laneOfBob)).toBe(2);
    transaction(() => inbox.release(laneOfBob, 2, 0));
    expect(inbox.heldLanes()).toEqual([]);
    expect(inbox.lastHeld(laneOfBob)).toBeUndefined();
    expect(inbox.visibleAfter(0, 2).map((one) => one.seq)).toEqual([1, 4]);
    expect(() => transaction(() => inbox.release(laneOfBob, 9, 0))).toThrow("no such message");
  });

  test("shows what nobody reads for its gap alone", () => {
    const { inbox, transaction } = openedStore();
    transaction(() => {
      inbox.setMark(laneOfBob, 0);
      inbox.add(inbound(1), "nothing");
      inbox.add(inbound(3), "nothing");
      expect(inbox.release(laneOfBob, 1, 0)).toBe(false);
      expect(inbox.release(laneOfBob, 3, 1)).toBe(true);
    });
    expect(inbox.visibleAfter(0, 10)).toMatchObject([{ seq: 3, gapBefore: 1, readable: false }]);
  });

  test("tells a device the newest of its marks", () => {
    const { inbox, transaction } = openedStore();
    const lanes: Lane[] = Array.from({ length: 5 }, (_, index) => ({ ...laneOfBob, incarnation: idOf(index, 16) }));
    transaction(() => {
      for (const lane of lanes) inbox.setMark(lane, 1);
      inbox.setMark({ ...laneOfBob, device: carol.device }, 9);
      inbox.setMark(lanes[1] ?? laneOfBob, 2);
      inbox.setMark({ ...laneOfBob, incarnation: idOf("begun", 16) }, 0);
    });
    const { conversation } = laneOfBob;
    expect(inbox.marks(bob.device, 2)).toEqual([
      { incarnation: idOf(1, 16), conversation, seq: 2 },
      { incarnation: idOf(4, 16), conversation, seq: 1 },
    ]);
    expect(inbox.mark(lanes[1] ?? laneOfBob)).toBe(2);
    expect(inbox.mark(laneOfBob)).toBeUndefined();
  });

  test("counts what somebody has stored here", () => {
    const { inbox } = withMessages(1, 2);
    const bytes = inbound(1).body.length + inbound(2).body.length;
    expect(inbox.usage(bob.username)).toEqual({ messages: 2, bytes });
    expect(inbox.usage(carol.username)).toEqual({ messages: 0, bytes: 0 });
  });

  test("counts by what came and not by what is kept of it, and anew where it is told to", () => {
    const { inbox, transaction } = withMessages(1);
    const add = (seq: number) => transaction(() => inbox.add(inbound(seq), "change", { bytes: 5000 }));
    add(2);
    expect(inbox.usage(bob.username)).toEqual({ messages: 2, bytes: inbound(1).body.length + 5000 });
    for (const seq of [3, 4]) {
      transaction(() => inbox.countAnew(bob.username));
      expect(inbox.usage(bob.username)).toEqual({ messages: 0, bytes: 0 });
      add(seq);
      expect(inbox.usage(bob.username)).toEqual({ messages: 1, bytes: 5000 });
    }
  });

  test("knows the texts of an id, one for each person, and how they are kept", () => {
    const { inbox, history, transaction } = withMessages(1);
    const { messageId } = inbound(1);
    transaction(() => {
      inbox.add(inbound(2, { messageId }), "nothing");
      inbox.add(inbound(3, { messageId, from: carol.username }), "request", { expiresAtMs: 1000 });
      inbox.add(inbound(4, { messageId, from: alice.username, kind: "edit" }), "change");
    });
    expect(inbox.texts(messageId)).toEqual([
      { from: "bob", show: "text", expiresAtMs: undefined },
      { from: "carol", show: "request", expiresAtMs: 1000 },
    ]);
    transaction(() => history.expire(1000));
    expect(inbox.texts(messageId)[1]).toEqual({ from: "carol", show: "nothing", expiresAtMs: undefined });
  });

  test("passes over what an earlier version took and this one cannot read", () => {
    const { inbox, history, transaction } = withMessages(1, 3);
    const body = encodeCbor({ text: "from a far future", expiresAt: 9_000_000_000_000_000 });
    transaction(() => {
      inbox.add(inbound(2, { body }), "text", { expiresAtMs: 9_000_000_000_000_000 });
      for (const seq of [1, 2, 3]) inbox.release(laneOfBob, seq, 0);
    });
    expect(inbox.visibleAfter(0, 9).map(({ seq, readable }) => [seq, readable])).toEqual([
      [1, true],
      [2, false],
      [3, true],
    ]);
    const { conversation } = laneOfBob;
    const everything = { conversation, limit: 9, sinceMs: 0, beforeMs: Number.MAX_SAFE_INTEGER, search: undefined };
    expect(history.list({ ...everything, nowMs: 0 }).map(({ seq }) => seq)).toEqual([1, 3]);
    expect(transaction(() => history.expire(Number.MAX_SAFE_INTEGER))).toMatchObject([{ kind: "text" }]);
  });
});
