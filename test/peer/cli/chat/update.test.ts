import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { textOfLine } from "../../../../peer/cli/chat/line.ts";
import { currentOf, type Happening, PAGE } from "../../../../peer/cli/chat/model.ts";
import { render } from "../../../../peer/cli/chat/render.ts";
import { LIMITS } from "../../../../shared/protocol.ts";
import {
  arrival,
  message,
  messages,
  NOW_MS,
  order,
  page,
  press,
  type Run,
  screenOf,
  type,
} from "../../../support/chat.ts";
import { CAROL, contacts, done, texts } from "../../../support/chat-run.ts";
import { BOB } from "../../../support/fake-operations.ts";

describe("history", () => {
  test("is asked for at once, and then as it is read, page by page", () => {
    const run = screenOf();
    expect(done(run, "load")).toEqual([{ do: "load", with: "bob", limit: PAGE }]);
    run.did(page(messages(801, 1000), { older: 801 }));
    expect(done(run, "load")).toHaveLength(1);
    run.did(...press("ctrl-home"));
    expect(done(run, "load")[1]).toEqual({ do: "load", with: "bob", olderThan: 801, limit: PAGE });
    run.did(...press("page-up"));
    expect(done(run, "load")).toHaveLength(2);
    run.did(page(messages(601, 800), { olderThan: 801, older: 601 }));
    expect(texts(run)).toEqual(messages(601, 1000).map(({ text }) => text));
  });

  test("is read to its first message, each once, while fresh pages come between", () => {
    const all = messages(1, 1000);
    const run = screenOf();
    for (let next = 0; next < run.effects.length; next += 1) {
      const effect = run.effects[next];
      if (effect?.do !== "load") continue;
      const { olderThan = 1001, limit } = effect;
      const place = olderThan === 1001 ? {} : { olderThan };
      const first = Math.max(1, olderThan - limit);
      run.did(page(messages(801, 1000), { older: 801 }));
      run.did(page(messages(first, olderThan - 1), { ...place, older: first > 1 ? first : null }));
      run.did(...press("ctrl-home"));
    }
    expect(texts(run)).toEqual(all.map(({ text }) => text));
    expect(done(run, "load")).toHaveLength(5);
    expect(currentOf(run.state)).toMatchObject({ older: "none", loading: false });
  });

  test("of a page that does not reach back to what is there begins anew, whatever comes late", () => {
    const run = screenOf().did(page(messages(201, 400), { older: 201 }), ...press("ctrl-home"));
    run.did(page(messages(801, 1000), { older: 801 }), ...press("ctrl-end"));
    run.did(page(messages(1, 200), { olderThan: 201, older: null }));
    expect(texts(run)).toEqual(messages(801, 1000).map(({ text }) => text));
    expect(currentOf(run.state)).toMatchObject({ older: 801, loading: false });
  });

  test("of a fresh page, changes marks, drops what is gone, and keeps what came since and what is on its way", () => {
    const own = message(3, { direction: "out", state: "queued" });
    const run = screenOf().did(page([message(1), message(2), own]), arrival(9), ...order("on its way"));
    run.did(page([message(1), { ...own, state: "stored" }]));
    expect(texts(run)).toEqual(["message 1", "message 3", "message 9", "on its way"]);
    expect(currentOf(run.state).entries[1]?.state).toBe("stored");
  });
});

describe("a message that is sent", () => {
  test("stands there at once, gets its id, and its mark follows the receipts", () => {
    const run = screenOf().did(page([]), ...order("hello"));
    expect(done(run, "send")).toEqual([
      { do: "send", with: "bob", local: "new/1", id: "chat/here/new/1", text: "hello" },
    ]);
    const state = () => currentOf(run.state).entries[0]?.state;
    expect(state()).toBe("sending");
    run.did({ type: "sent", with: "bob", local: "new/1", id: "aa", state: "queued" });
    expect(state()).toBe("queued");
    for (const next of ["relayed", "stored", "displayed"] as const) {
      run.did({ type: "event", event: { type: "receipt", id: "aa", to: "bob", state: next } });
      expect(state()).toBe(next);
    }
  });

  test("shows once, though history knew it before the sender did", () => {
    const run = screenOf().did(page([]), ...order("hello"));
    run.did(page([message(1, { id: "aa", direction: "out", state: "queued", text: "hello" })]));
    run.did({ type: "sent", with: "bob", local: "new/1", id: "aa", state: "queued" });
    expect(texts(run)).toEqual(["hello"]);
  });

  test("goes back to where it was written when it was not kept", () => {
    const run = screenOf().did(page([]), ...order("hello"), type("more"));
    run.did({ type: "unsent", with: "bob", local: "new/1", reason: "blocked" });
    expect(texts(run)).toEqual([]);
    expect(currentOf(run.state).draft).toEqual({ text: "hello\nmore", at: 10 });
    expect(run.state.notice).toEqual({ kind: "warning", text: "blocked" });
  });

  test("may have several lines, pasted or typed, and nothing is sent before enter", () => {
    const run = screenOf().did(page([]), type("one"), ...press("alt-enter"), {
      type: "input",
      input: { type: "paste", text: "two\nthree\n", whole: true },
    });
    expect(done(run, "send")).toEqual([]);
    run.did(...press("enter"));
    expect(done(run, "send")).toMatchObject([{ text: "one\ntwo\nthree\n" }]);
  });

  test("of blanks alone is not sent, and one that is too long is not taken in", () => {
    const run = screenOf().did(page([]), ...order("   "), ...press("ctrl-u"));
    run.did({ type: "input", input: { type: "paste", text: "x".repeat(LIMITS.textMaxBytes + 1), whole: true } });
    expect(currentOf(run.state).draft.text).toBe("");
    expect(run.state.notice?.text).toMatch(/too long/);
    expect(done(run, "send")).toEqual([]);
  });
});

describe("what others do", () => {
  test("changes their own messages, and reactions to any", () => {
    const own = message(2, { direction: "out", state: "stored", text: "mine" });
    const run = screenOf().did(page([message(1), own]));
    const about = (id: string) => ({ id, from: "bob", receivedAt: message(5).receivedAt, cursor: 5 });
    run.did({ type: "event", event: { type: "edit", ...about(message(1).id), text: "changed" } });
    run.did({ type: "event", event: { type: "reaction", ...about(own.id), emoji: "👍" } });
    run.did({ type: "event", event: { type: "edit", ...about(own.id), text: "forged" } });
    run.did({ type: "event", event: { type: "delete", ...about(own.id) } });
    expect(texts(run)).toEqual(["changed", "mine"]);
    expect(currentOf(run.state).entries[1]).toMatchObject({ reactions: [{ from: "bob", emoji: "👍" }] });
    run.did({ type: "event", event: { type: "delete", ...about(message(1).id) } });
    expect(texts(run)).toEqual(["", "mine"]);
  });
});

describe("what is unread", () => {
  test("counts for the others, is marked when they are opened, and is read once it is seen", () => {
    const run = screenOf().did(
      contacts,
      page([message(1)]),
      arrival(2, { from: "carol" }),
      arrival(3, { from: "carol" }),
    );
    const carol = () => run.state.conversations.find(({ username }) => username === "carol");
    expect(carol()?.unread).toHaveLength(2);
    expect(done(run, "read").map(({ with: username }) => username)).toEqual(["bob"]);
    run.did(...press("alt-a"));
    expect(run.state.current).toBe("carol");
    run.did({ ...page([message(2, { from: "carol" }), message(3, { from: "carol" })]), with: "carol" } as never);
    expect(carol()).toMatchObject({ unread: [], newFrom: `in/${message(2).id}` });
    expect(done(run, "read").map(({ with: username }) => username)).toEqual(["bob", "carol"]);
  });

  test("is what came while the view stood higher, until it is at the newest again", () => {
    const run = screenOf().did(page(messages(1, 50)), ...press("page-up"), arrival(51));
    expect(currentOf(run.state)).toMatchObject({ unread: [{ cursor: 51 }], newFrom: `in/${message(51).id}` });
    run.did(...press("ctrl-end"));
    expect(currentOf(run.state).unread).toEqual([]);
  });

  test("is not told as seen, nor is what came behind it: a place in the feed is one for all", () => {
    const run = screenOf().did(contacts, page([message(1)]), arrival(5), arrival(6, { from: "carol" }), arrival(7));
    expect(done(run, "seen").at(-1)).toEqual({ do: "seen", cursor: 5 });
    run.did(...press("ctrl-n"), { ...page([]), with: "carol" } as never);
    expect(done(run, "seen").at(-1)).toEqual({ do: "seen", cursor: 7 });
  });

  test("stays unread behind the lock", () => {
    const run = screenOf().did(page([message(1)]), { type: "locked" }, arrival(2));
    expect(currentOf(run.state).unread).toHaveLength(1);
    expect(done(run, "seen")).toEqual([{ do: "seen", cursor: 1 }]);
    run.did(type("secret"), ...press("enter"));
    expect(done(run, "unlock")).toEqual([{ do: "unlock", passphrase: "secret" }]);
    run.did({ type: "still-locked", reason: "wrong" });
    expect(run.state.locked).toEqual({ typed: "", checking: false, wrong: "wrong" });
    run.did({ type: "unlocked" });
    expect(currentOf(run.state)).toMatchObject({ unread: [], newFrom: `in/${message(2).id}` });
    expect(done(run, "seen").at(-1)).toEqual({ do: "seen", cursor: 2 });
  });

  test("never counts twice, and no place is told that was told before", () => {
    const number = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(fc.array(fc.tuple(number, fc.constantFrom("bob", "carol", "next")), { maxLength: 20 }), (all) => {
        const run = screenOf().did(contacts, page([]));
        for (const [place, from] of all) run.did(...(from === "next" ? press("ctrl-n") : [arrival(place, { from })]));
        const told = done(run, "seen").map(({ cursor }) => cursor);
        expect(told).toEqual([...new Set(told)].sort((a, b) => a - b));
        for (const { unread } of run.state.conversations) {
          expect(new Set(unread.map(({ key }) => key)).size).toBe(unread.length);
        }
      }),
    );
  });
});

describe("that somebody is writing", () => {
  const wanted = { type: "contacts", contacts: [{ ...BOB, typing: true }, CAROL] } as const;
  const until = new Date(NOW_MS + 8000).toISOString();
  const writes = { type: "event", event: { type: "typing", from: "bob", until } } as const;
  const title = (run: Run) => textOfLine(render(run.state).lines[0] ?? []);

  test("is said while a text is written to who is to see it, and of nothing else that is pressed", () => {
    const said = (...happenings: Happening[]) => done(screenOf().did(wanted, page([]), ...happenings), "typing");
    expect(said(type("h"))).toEqual([{ do: "typing", with: "bob" }]);
    expect(said(type("/quit"), ...press("left", "page-up"))).toEqual([]);
    expect(said(...press("ctrl-n"), type("to carol"))).toEqual([]);
    expect(said(...press("ctrl-f"), type("what is searched for"))).toEqual([]);
    expect(said({ type: "locked" }, type("a passphrase"))).toEqual([]);
    expect(done(screenOf().did(page([]), type("to a stranger")), "typing")).toEqual([]);
  });

  test("shows until they stop, or have written it", () => {
    const run = screenOf().did(wanted, page([]), writes);
    expect(title(run)).toContain("is writing");
    expect(title(run.did({ type: "clock", nowMs: NOW_MS + 8000 }))).not.toContain("writing");
    expect(title(screenOf().did(wanted, page([]), writes, arrival(1)))).not.toContain("writing");
  });
});

test("conversations are switched in a ring and by number, and each keeps what was written", () => {
  const run = screenOf().did(
    contacts,
    page([]),
    type("to bob"),
    ...press("ctrl-n"),
    type("to carol"),
    ...press("ctrl-n"),
  );
  expect(currentOf(run.state)).toMatchObject({ username: "bob", draft: { text: "to bob" } });
  expect(currentOf(run.did(...press("alt-2")).state)).toMatchObject({ username: "carol", draft: { text: "to carol" } });
  expect(run.did(...press("alt-9")).state.current).toBe("carol");
});
