import { describe, expect, test } from "vitest";
import { currentOf } from "../../../../peer/cli/chat/model.ts";
import { message, messages, order, page, press, screenOf, type } from "../../../support/chat.ts";
import { contacts, done, rowsOf } from "../../../support/chat-run.ts";

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
