import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { textOfLine } from "../../../../peer/cli/chat/line.ts";
import { currentOf, type Effect, type Happening, PAGE } from "../../../../peer/cli/chat/model.ts";
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
import { BOB } from "../../../support/fake-operations.ts";

const CAROL = { ...BOB, username: "carol" };
const contacts = { type: "contacts", contacts: [BOB, CAROL] } as const;

function rowsOf({ state }: Run): string[] {
  return render(state).lines.map(textOfLine);
}

function texts(run: Run): string[] {
  return currentOf(run.state).entries.map(({ text }) => text);
}

function done<T extends Effect["do"]>(run: Run, kind: T): Extract<Effect, { do: T }>[] {
  return run.effects.filter((effect): effect is Extract<Effect, { do: T }> => effect.do === kind);
}

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

describe("orders", () => {
  test("that nobody knows send nothing and keep what was typed", () => {
    const run = screenOf().did(page([]), ...order("/sned hello"));
    expect(done(run, "send")).toEqual([]);
    expect(currentOf(run.state).draft.text).toBe("/sned hello");
    expect(run.state.notice?.kind).toBe("warning");
  });

  test.each(Object.getOwnPropertyNames(Object.prototype))("/%s is no order either", (name) => {
    const run = screenOf().did(page([]), ...order(`/${name} hello`));
    expect(run.state.notice).toEqual({ kind: "warning", text: `no such command: /${name}; see /help` });
    expect(currentOf(run.state).draft.text).toBe(`/${name} hello`);
  });

  test("two slashes send a text that begins with one", () => {
    expect(done(screenOf().did(page([]), ...order("//etc/passwd")), "send")).toMatchObject([{ text: "/etc/passwd" }]);
  });

  test("reply, react, edit and delete are about the newest, or the one that is picked", () => {
    const own = message(4, { direction: "out", state: "stored", text: "mine" });
    const start = () => screenOf().did(page([message(1), message(2), message(3), own]));
    const [one, three] = [message(1).id, message(3).id];
    expect(done(start().did(...order("/reply yes")), "send")).toMatchObject([{ text: "yes", replyTo: three }]);
    const up = press("alt-up", "alt-up", "alt-up", "alt-up");
    expect(done(start().did(...up, ...order("/reply yes")), "send")).toMatchObject([{ replyTo: one }]);
    expect(done(start().did(...order("/react 👍")), "alter")).toMatchObject([{ key: `in/${three}` }]);
    const alteration = { kind: "edit", text: "two\nlines" };
    expect(done(start().did(...order("/edit two\nlines")), "alter")).toMatchObject([
      { key: `out/${own.id}`, alteration },
    ]);
    expect(done(start().did(...order("/delete")), "alter")).toMatchObject([{ alteration: { kind: "delete" } }]);
    expect(currentOf(start().did(...order("/edit")).state).draft.text).toBe("/edit mine");
  });

  const mine = (number: number) => message(number, { direction: "out", state: "stored", text: `mine ${number}` });

  test("/edit is about the message whose text it brought back, whatever was sent meanwhile from elsewhere", () => {
    const editing = () => screenOf().did(page([message(1), mine(2)]), ...order("/edit"));
    const wanted = [{ key: `out/${mine(2).id}`, alteration: { kind: "edit", text: "mine 2!" } }];
    const newer = page([message(1), mine(2), mine(3)]);
    expect(done(editing().did(newer, ...order("!")), "alter")).toMatchObject(wanted);
    const away = [...press("ctrl-n", "ctrl-n"), newer, ...press("ctrl-u", "ctrl-y")];
    expect(done(editing().did(contacts, ...away, ...order("!")), "alter")).toMatchObject(wanted);
    expect(rowsOf(editing()).join("\n")).toMatch(/Esc leaves it/);
    const again = editing().did(...order("!"), newer, ...order("/delete"));
    expect(done(again, "alter")[1]).toMatchObject({ key: `out/${mine(3).id}`, alteration: { kind: "delete" } });
  });

  test("/edit is given up with Esc, and is about another message once that is picked", () => {
    const start = () => screenOf().did(page([message(1), mine(2), mine(3)]), ...order("/edit"));
    const left = start().did(...press("escape", "enter"));
    expect(done(left, "alter")).toEqual([]);
    expect(currentOf(left.state).draft.text).toBe("");
    expect(done(left.did(...order("/delete")), "alter")).toMatchObject([{ key: `out/${mine(3).id}` }]);
    const other = start().did(...press("alt-up"), ...order("!"));
    expect(done(other, "alter")).toMatchObject([{ key: `out/${mine(2).id}` }]);
    const theirs = screenOf().did(page([message(1)]), ...press("alt-up"), ...order("/edit"));
    expect(currentOf(theirs.state).draft.text).toBe("");
    expect(theirs.state.notice?.text).toMatch(/not yours/);
  });

  test("do not change what others wrote", () => {
    const run = screenOf().did(page([message(1)]), ...press("alt-up"), ...order("/edit mine"));
    expect(done(run, "alter")).toEqual([]);
    expect(run.state.notice?.text).toMatch(/not yours/);
  });

  test("quit, and Ctrl+C twice, which first clears what is written; Ctrl+Y brings it back", () => {
    expect(done(screenOf().did(...order("/quit")), "quit")).toHaveLength(1);
    const run = screenOf().did(page([]), type("draft"), ...press("ctrl-c"));
    expect(done(run, "quit")).toEqual([]);
    expect(currentOf(run.state).draft.text).toBe("");
    expect(done(run.did(...press("ctrl-c")), "quit")).toEqual([]);
    expect(run.state.notice?.text).toContain("Ctrl+C again");
    expect(done(run.did(...press("ctrl-y"), ...press("ctrl-c", "ctrl-y")), "quit")).toEqual([]);
    expect(currentOf(run.state).draft.text).toBe("draft");
    expect(done(run.did(...press("ctrl-c", "ctrl-c", "ctrl-c")), "quit")).toHaveLength(1);
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

describe("without a daemon", () => {
  const away = { type: "detached", hint: "the daemon ended" } as const;

  test("what is written stays where it is, and is sent once there is one again", () => {
    const run = screenOf().did(page([message(1)]), away, ...order("wait"));
    expect(done(run, "send")).toEqual([]);
    expect(currentOf(run.state).draft.text).toBe("wait");
    expect(rowsOf(run).at(-2)).toContain("has to wait");
    expect(rowsOf(run.did(...press("left"))).at(-2)).toContain("the daemon ended");
    run.did({ type: "attached" }, page([message(1)]), ...press("enter"));
    expect(done(run, "send")).toMatchObject([{ text: "wait" }]);
    expect(rowsOf(run).join()).not.toContain("the daemon ended");
  });

  test("what was on its way is sent again as the same message", () => {
    const run = screenOf().did(page([]), ...order("hello"), away, { type: "attached" });
    const [first, again] = done(run, "send");
    expect(again).toEqual(first);
    run.did(page([]), { type: "sent", with: "bob", local: "new/1", id: "aa", state: "queued" });
    run.did(away, { type: "attached" });
    expect(done(run, "send")).toHaveLength(2);
    expect(texts(run)).toEqual(["hello"]);
  });

  test("what is told again counts once, and other conversations are read anew", () => {
    const all = [arrival(1), arrival(2, { from: "carol" }), arrival(3)];
    const run = screenOf().did(contacts, page([]), ...all);
    run.did(away, { type: "attached" }, page([message(1), message(3)]), ...all.slice(1));
    expect(texts(run)).toEqual(["message 1", "message 3"]);
    expect(currentOf(run.state)).not.toHaveProperty("newFrom");
    expect(run.state.conversations.find(({ username }) => username === "carol")?.unread).toHaveLength(1);
    const asked = done(run, "load").length;
    run.did(...press("ctrl-n"));
    expect(done(run, "load").slice(asked)).toEqual([{ do: "load", with: "carol", limit: PAGE }]);
  });

  test("help, locking and leaving work", () => {
    expect(done(screenOf().did(away, ...order("/quit")), "quit")).toHaveLength(1);
    expect(done(screenOf().did(away, ...order("/lock")), "lock")).toHaveLength(1);
    expect(done(screenOf().did(away, ...order("/retry")), "retry")).toHaveLength(1);
    expect(screenOf().did(away, ...order("/help")).state.help).toBe(0);
  });
});

describe("what was written before", () => {
  test("comes back with Up, newest first, and what is being written waits below it", () => {
    const run = screenOf().did(page([]), ...order("one"), ...order("/retry"), ...order("two\nlines"), type("draft"));
    const draft = () => currentOf(run.state).draft.text;
    const seen = ["up", "up", "up", "up", "up", "down", "down", "down", "down", "down"].map((name) => {
      run.did(...press(name));
      return draft();
    });
    const [last, order_, first] = ["two\nlines", "/retry", "one"];
    // Between the lines of a text the cursor goes first.
    expect(seen).toEqual([last, last, order_, first, first, order_, last, "draft", "draft", "draft"]);
  });

  test("stays with its person", () => {
    const run = screenOf().did(contacts, page([]), ...order("to bob"), ...press("ctrl-n", "up"));
    expect(currentOf(run.state).draft.text).toBe("");
  });
});

describe("the tab key", () => {
  test("completes orders and names, as far as they are clear", () => {
    const completed = (text: string) => {
      const run = screenOf().did(contacts, page([]), type(text), ...press("tab"));
      return [currentOf(run.state).draft.text, run.state.notice?.text];
    };
    expect(completed("/rep")).toEqual(["/reply ", undefined]);
    expect(completed("/re")).toEqual(["/re", "/react  /reply  /retry"]);
    expect(completed("/open c")).toEqual(["/open carol ", undefined]);
    expect(completed("/open x")).toEqual(["/open x", undefined]);
    expect(completed("hello /re")).toEqual(["hello /re", undefined]);
  });
});

test("the help is read to its end on any screen, and closes without doing anything", () => {
  for (const columns of [20, 56, 120]) {
    const run = screenOf({ columns, rows: 8 }).did(page([]), type("draft"), ...press("f1"));
    const seen = new Set<string>();
    for (let turn = 0; turn < 100; turn += 1) {
      for (const row of rowsOf(run)) seen.add(row);
      run.did(...press("down"));
    }
    const all = [...seen].join(" ").replace(/\s+/g, " ");
    expect(all).toMatch(/Alt\+Enter/);
    expect(all).toMatch(/F1, \/help/);
    expect(currentOf(run.did(...press("escape")).state).draft.text).toBe("draft");
    expect(run.state.help).toBeUndefined();
  }
});

describe("search", () => {
  test("goes from hit to hit, and loads what is older until the hit is there", () => {
    const run = screenOf().did(
      page(messages(801, 1000), { older: 801 }),
      ...press("ctrl-f"),
      type("message"),
      ...press("enter"),
    );
    expect(done(run, "search")).toEqual([{ do: "search", with: "bob", query: "message" }]);
    const asked = done(run, "load").length;
    run.did({ type: "found", with: "bob", query: "message", messages: [message(700), message(990)] });
    expect(currentOf(run.state)).toMatchObject({ picked: `in/${message(990).id}` });
    run.did(...press("up"));
    expect(run.state.search).toMatchObject({ at: 1, seeking: true });
    expect(done(run, "load").length).toBe(asked + 1);
    run.did(page(messages(600, 800), { olderThan: 801, older: 600 }));
    expect(run.state.search).toMatchObject({ seeking: false });
    expect(currentOf(run.state)).toMatchObject({ picked: `in/${message(700).id}`, scroll: expect.anything() });
    expect(run.did(...press("escape")).state.search).toBeUndefined();
  });

  test("takes no answer to another question", () => {
    const run = screenOf().did(page([message(1)]), ...press("ctrl-f"), type("b"), ...press("enter"));
    run.did({ type: "found", with: "bob", query: "a", messages: [message(1)] });
    expect(run.state.search?.hits).toEqual([]);
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
