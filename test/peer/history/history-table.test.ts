import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import type { HistoryQuery } from "../../../peer/messaging/store/history.ts";
import { bob, idOf, inbound, laneOfBob, openedStore, outgoing, own } from "../../support/opened-store.ts";
import { NOW_MS, personOf } from "../../support/people.ts";

const carol = personOf("carol");

const everything: HistoryQuery = {
  conversation: laneOfBob.conversation,
  limit: 100,
  sinceMs: 0,
  beforeMs: Number.MAX_SAFE_INTEGER,
  search: undefined,
  nowMs: 0,
};

/** Bob's messages 1 and 3, own 2 and 4; bob's 5 is held back, 6 is a tombstone. */
function talk() {
  const store = openedStore();
  const { history, inbox, outbox } = store;
  store.transaction(() => {
    inbox.setMark(laneOfBob, 0);
    for (const seq of [1, 2, 3, 4, 5, 6]) {
      if (seq % 2 === 0 && seq < 6) {
        history.addOwn(own(seq), "text");
        outbox.add(outgoing(seq));
      } else inbox.add(inbound(seq), seq !== 6 ? "text" : "nothing");
    }
    for (const seq of [1, 3, 6]) inbox.release(laneOfBob, seq, 0);
  });
  const texts = (query: Partial<HistoryQuery> = {}) =>
    history.list({ ...everything, ...query }).map(({ text }) => text);
  return { ...store, texts };
}

describe("history", () => {
  test("has both sides in one order: what is visible, and what was sent", () => {
    const { history, texts } = talk();
    expect(texts()).toEqual(["text 1", "own 2", "text 3", "own 4"]);
    expect(history.list(everything)[1]).toMatchObject({ direction: "out", ...own(2), state: "queued" });
    expect(history.list(everything)[0]).toMatchObject({ direction: "in", from: "bob", seq: 1 });
  });

  test("gives the newest that fit, oldest first", () => {
    const { texts } = talk();
    expect(texts({ limit: 2 })).toEqual(["text 3", "own 4"]);
    expect(texts({ limit: 0 })).toEqual([]);
  });

  test("keeps to a time: since it, and before it", () => {
    const { texts } = talk();
    expect(texts({ sinceMs: NOW_MS + 3 })).toEqual(["text 3", "own 4"]);
    expect(texts({ beforeMs: NOW_MS + 3 })).toEqual(["text 1", "own 2"]);
  });

  test("goes on before a place, though all came in the same millisecond, or the clock went back", () => {
    const { history, transaction } = talk();
    const clock = [NOW_MS, NOW_MS, NOW_MS - 60_000];
    transaction(() => {
      for (let seq = 10; seq < 310; seq += 1) {
        history.addOwn(own(seq, { acceptedAtMs: clock[seq % clock.length] ?? NOW_MS }), "text");
      }
    });
    const read: string[] = [];
    let place = Number.MAX_SAFE_INTEGER;
    for (let pages = 0; pages < 50; pages += 1) {
      const page = history.list({ ...everything, limit: 7, olderThan: place });
      read.unshift(...page.map(({ text }) => text));
      place = page[0]?.place ?? place;
      if (page.length === 0) break;
    }
    expect(read).toEqual(history.list({ ...everything, limit: 1000 }).map(({ text }) => text));
    expect(read).toHaveLength(304);
  });

  test("finds a text in any case, further back than a page", () => {
    const { history, transaction, texts } = talk();
    transaction(() => {
      for (let seq = 10; seq < 600; seq += 1)
        history.addOwn(own(seq, { text: seq === 10 ? "the Needle" : "hay" }), "text");
    });
    expect(texts({ search: "nEEdle" })).toEqual(["the Needle"]);
    expect(texts({ search: "hay", limit: 300 })).toHaveLength(300);
    expect(texts({ search: "pin" })).toEqual([]);
  });

  test("of another conversation is empty", () => {
    expect(talk().texts({ conversation: idOf("other") })).toEqual([]);
  });

  test("says what became of a message; one that was given up has failed, whatever its tombstone does", () => {
    const { history, outbox, transaction } = talk();
    const stateOf = (seq: number) => history.list(everything).find((entry) => entry.text === `own ${seq}`);
    transaction(() => outbox.markStored(bob.device, outgoing(2).envelopeId, "direct"));
    expect(stateOf(2)).toMatchObject({ state: "stored" });
    const [row] = outbox.ofMessage(own(4).messageId);
    if (row === undefined) throw new Error("no such row");
    const tombstone = { ...row, envelopeId: idOf("tombstone"), tombstone: true, error: "TIMED_OUT" } as const;
    transaction(() => outbox.replace(row.id, tombstone));
    expect(stateOf(4)).toMatchObject({ state: "failed" });
    transaction(() => outbox.markStored(bob.device, idOf("tombstone"), "direct"));
    expect(stateOf(4)).toMatchObject({ state: "failed" });
  });

  test("finds and removes own messages, never another's", () => {
    const { history, transaction, texts } = talk();
    expect(history.findOwn(own(2).messageId)).toMatchObject(own(2));
    expect(history.findOwn(inbound(1).envelopeId)).toBeUndefined();
    transaction(() => {
      history.removeOwn(own(2).messageId);
      history.removeOwn(inbound(1).envelopeId);
    });
    expect(history.findOwn(own(2).messageId)).toBeUndefined();
    expect(texts()).toEqual(["text 1", "text 3", "own 4"]);
  });

  test("forgets what a message said, and keeps its place", () => {
    const { history, inbox, transaction, texts } = talk();
    transaction(() => {
      history.eraseOwn(own(2).messageId);
      history.eraseOwn(inbound(1).envelopeId);
      inbox.erase(bob.username, inbound(3).messageId);
      inbox.erase(carol.username, inbound(1).messageId);
    });
    expect(texts()).toEqual(["text 1", "", "", "own 4"]);
  });

  test("forgets and hides what was to be kept until then, and nothing before its time", () => {
    const { history, inbox, transaction, texts } = talk();
    transaction(() => {
      history.addOwn(own(8), "text", 1000);
      inbox.add(inbound(9), "text", { expiresAtMs: 2000 });
      inbox.release(laneOfBob, 9, 0);
    });
    expect(transaction(() => history.expire(999))).toEqual([]);
    expect(texts({ nowMs: 1000 })).toEqual(["text 1", "own 2", "text 3", "own 4", "text 9"]);
    expect(transaction(() => history.expire(1000))).toEqual([
      { messageId: own(8).messageId, kind: "text", own: true, other: "bob" },
    ]);
    expect(texts()).toEqual(["text 1", "own 2", "text 3", "own 4", "text 9"]);
    expect(transaction(() => history.expire(5000))).toEqual([
      { messageId: inbound(9).messageId, kind: "text", own: false, other: "bob" },
    ]);
    expect(texts()).toEqual(["text 1", "own 2", "text 3", "own 4"]);
    expect(history.findOwn(own(8).messageId)?.text).toBe("");
  });

  test("forgets what is damaged with all else that is due", () => {
    const { history, path, transaction, texts } = talk();
    using database = new DatabaseSync(path);
    transaction(() => {
      for (const seq of [7, 8]) history.addOwn(own(seq), "text", 1000);
    });
    database.prepare("UPDATE messages SET sealed = zeroblob(64) WHERE key = ?").run(own(7).messageId);
    expect(transaction(() => history.expire(1000))).toEqual([
      { messageId: own(8).messageId, kind: "text", own: true, other: "bob" },
    ]);
    expect(transaction(() => history.expire(1000))).toEqual([]);
    expect(texts()).toEqual(["text 1", "own 2", "text 3", "own 4"]);
    const kept = database.prepare("SELECT sealed FROM messages WHERE key = ?").get(own(7).messageId);
    expect(kept?.["sealed"]).toHaveLength(0);
  });
});
