import { describe, expect, test } from "vitest";
import { currentOf, PAGE } from "../../../../peer/cli/chat/model.ts";
import { arrival, message, order, page, press, screenOf } from "../../../support/chat.ts";
import { contacts, done, rowsOf, texts } from "../../../support/chat-run.ts";

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
