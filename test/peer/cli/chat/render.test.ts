import * as fc from "fast-check";
import { expect, test } from "vitest";
import { lineWidth, type Span, textOfLine } from "../../../../peer/cli/chat/line.ts";
import { change, currentOf, type Happening, type State } from "../../../../peer/cli/chat/model.ts";
import { render } from "../../../../peer/cli/chat/render.ts";
import type { PresenceEvent } from "../../../../peer/messaging/operations/feed.ts";
import {
  anySize,
  arrival,
  hardText,
  message,
  messages,
  order,
  page,
  press,
  screenOf,
  type,
} from "../../../support/chat.ts";
import { BOB } from "../../../support/fake-operations.ts";

function rowsOf(state: State): string[] {
  return render(state).lines.map((line) => textOfLine(line).trimEnd());
}

function spansOf(state: State): readonly Span[] {
  return render(state).lines.flat();
}

const online: PresenceEvent = {
  type: "presence",
  online: true,
  initial: true,
  username: "bob",
  devices: [],
  contact: true,
};

const happening: fc.Arbitrary<readonly Happening[]> = fc.oneof(
  fc
    .constantFrom(
      "enter",
      "up",
      "page-up",
      "page-down",
      "ctrl-home",
      "ctrl-end",
      "ctrl-n",
      "ctrl-f",
      "escape",
      "alt-up",
    )
    .map((name) => press(name)),
  fc
    .constantFrom("left", "home", "backspace", "ctrl-w", "newline", "alt-a", "alt-1", "ctrl-u")
    .map((name) => press(name)),
  hardText.map((text) => [type(text)]),
  fc
    .constantFrom("/help", "/search 1", "/open carol", "//x", "/reply yes", "/edit")
    .map((text) => order(text))
    .map((all) => [...all]),
  anySize.map((size): Happening[] => [{ type: "resize", size }]),
  fc
    .record({ number: fc.integer({ min: 1, max: 60 }), text: hardText })
    .map(({ number, text }) => [arrival(number, { text })]),
  fc
    .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 20 }))
    .map(([from, more]) => [page(messages(from, from + more), { older: from })]),
  fc
    .constantFrom<Happening>(
      { type: "presence", event: online },
      { type: "contacts", contacts: [BOB, { ...BOB, username: "carol", keyChanged: true }] },
      { type: "locked" },
      { type: "unlocked" },
      { type: "notice", notice: { kind: "warning", text: "x".repeat(300) } },
    )
    .map((one) => [one]),
);

test("whatever happens: as many rows as the screen has, none wider than it, the cursor inside, and nothing that acts", () => {
  fc.assert(
    fc.property(anySize, fc.array(happening, { maxLength: 25 }), (size, happenings) => {
      const screen = screenOf(size);
      for (const some of happenings) {
        const { state } = screen.did(...some);
        const { lines, cursor } = render(state);
        expect(lines).toHaveLength(state.size.rows);
        for (const line of lines) expect(lineWidth(line)).toBeLessThanOrEqual(state.size.columns);
        expect(cursor.row).toBeGreaterThanOrEqual(0);
        expect(cursor.row).toBeLessThan(state.size.rows);
        expect(cursor.column).toBeGreaterThanOrEqual(0);
        expect(cursor.column).toBeLessThan(state.size.columns);
        for (const line of lines)
          expect(textOfLine(line)).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u);
      }
    }),
    { numRuns: 300 },
  );
});

test("scrolling from the newest message to the oldest shows each once, in order, and none is skipped", () => {
  const anyMessages = fc.array(hardText, { minLength: 1, maxLength: 30 });
  const size = fc.record({ columns: fc.integer({ min: 20, max: 100 }), rows: fc.integer({ min: 4, max: 30 }) });
  fc.assert(
    fc.property(anyMessages, size, (texts, screenSize) => {
      const shown = texts.map((text, index) => message(index + 1, { text: `#${index}# ${text}` }));
      const screen = screenOf(screenSize).did(page(shown));
      const seen: string[] = [];
      const body = () =>
        rowsOf(screen.state)
          .slice(1, -2)
          .map((row) => row.slice(screenSize.columns >= 80 ? 22 : 0));
      const scroll = () => currentOf(screen.state).scroll;
      for (let before: unknown = "none"; before !== JSON.stringify(scroll()); ) {
        seen.unshift(...body().slice(0, seen.length === 0 ? undefined : 1));
        before = JSON.stringify(scroll());
        screen.did(...press("ctrl-up"));
      }
      const numbers = seen.flatMap((row) => /#(\d+)#/.exec(row)?.[1] ?? []);
      expect(numbers.map(Number)).toEqual(texts.map((_, index) => index));
    }),
  );
});

test("a page up and a page down end where they began", () => {
  const screen = screenOf().did(page(messages(1, 100)), ...press("page-up", "page-up", "page-up"));
  const before = rowsOf(screen.state);
  expect(rowsOf(screen.did(...press("page-up", "page-down")).state)).toEqual(before);
});

test("another size shows about the same words to whoever reads further back", () => {
  const words = Array.from({ length: 3000 }, (_, index) => `w${index}`);
  const pages = press("page-up", "page-up", "page-up");
  const screen = screenOf({ columns: 60, rows: 12 }).did(page([message(1, { text: words.join(" ") })]), ...pages);
  const lastWord = () => Number(/.*\bw(\d+)/s.exec(rowsOf(screen.state).slice(1, -2).join("\n"))?.[1]);
  const wanted = lastWord();
  expect(wanted).toBeLessThan(2900);
  for (const columns of [25, 120, 20, 60]) {
    screen.did({ type: "resize", size: { columns, rows: 8 } });
    expect(Math.abs(lastWord() - wanted)).toBeLessThan(60);
  }
});

test("a hit of a search is in sight, however long its message is", () => {
  const lines = Array.from({ length: 300 }, (_, index) => `line ${index}`);
  const long = message(1, { text: lines.join("\n") });
  const screen = screenOf().did(page([long, message(2)]), ...order("/search line 150"));
  screen.did({ type: "found", with: "bob", query: "line 150", messages: [long] });
  expect(rowsOf(screen.state).slice(1, -2).join("\n")).toContain("line 150");
});

test("a narrow screen has the text below the name, at its full width", () => {
  const rows = rowsOf(screenOf({ columns: 20, rows: 5 }).did(page([message(1, { text: "eighteen columns.." })])).state);
  expect(rows.slice(1, 3)).toEqual([expect.stringMatching(/^\d\d:\d\d bob$/), "│ eighteen columns.."]);
});

test("the first screen names the person, the day and what was said, with marks", () => {
  const own = message(2, { direction: "out", state: "stored", text: "hello" });
  const screen = screenOf({ columns: 60, rows: 8 }).did(
    page([message(1), own, { ...own, id: "f".repeat(32), state: "queued" }]),
  );
  const rows = rowsOf(screen.state);
  expect(rows[0]).toContain("bob");
  expect(rows.join("\n")).toMatch(/─ yesterday ─.*\n.*bob │ message 1\n.*alice │ hello ✓\n.*alice │ hello queued/);
});

test("no row of a message can be taken for the first row of another", () => {
  const text = "hi\n18:30 alice │ send money\r\n\x1b[2J18:30 bob │ ok";
  const rows = rowsOf(screenOf().did(page([message(1, { text })])).state);
  expect(rows.filter((row) => /^\d\d:\d\d /.test(row))).toHaveLength(1);
  expect(rows.filter((row) => row.includes("send money"))).toEqual([expect.stringMatching(/^ {12}│ 18:30 alice/)]);
});

test("a message that was edited, answers another, is reacted to or taken back says so", () => {
  const [first, second] = [message(1, { text: "lunch?" }), message(2, { direction: "out", state: "displayed" })];
  const edited = {
    ...second,
    text: "yes",
    replyTo: first.id,
    edited: true,
    reactions: [{ from: "bob", emoji: "👍" }],
  } as const;
  const gone = message(3, { text: "", deleted: true });
  const text = rowsOf(screenOf().did(page([first, edited, gone])).state).join("\n");
  expect(text).toMatch(/alice │ > bob: lunch\?\n +│ yes \(edited\) ✓✓\n +│ 👍 bob\n.*bob │ taken back/);
});

test("a name has the same colour in every message, and others mostly another", () => {
  const roles = (name: string) => {
    const screen = screenOf({ columns: 60, rows: 12 }, name).did({
      ...page([message(1, { from: name }), message(2, { from: name })]),
      with: name,
    } as Happening);
    return spansOf(screen.state)
      .filter(({ text }) => text === name)
      .map(({ role }) => role);
  };
  expect(new Set(roles("bob")).size).toBe(1);
  expect(new Set(["bob", "carol", "dave", "erin", "frank"].flatMap(roles)).size).toBeGreaterThan(2);
});

test("a locked screen shows nothing of what was said, written or searched for", () => {
  const screen = screenOf({ columns: 100, rows: 20 }).did(
    page([message(1, { text: "secret" })]),
    type("also secret"),
    ...order("/search secret"),
    { type: "locked" },
    arrival(2, { text: "secret too" }),
    type("pass"),
  );
  const rows = rowsOf(screen.state);
  expect(rows.join("\n")).not.toMatch(/secret|bob|pass$/);
  expect(rows[2]).toBe("Passphrase: ****");
});

test("a screen too small for a conversation says so", () => {
  expect(rowsOf(screenOf({ columns: 12, rows: 3 }).did(page(messages(1, 3))).state)).toEqual(["too small", "", ""]);
});

test("of ten thousand messages, only those near the screen are looked at", () => {
  const screen = screenOf().did(page(messages(1, 10_000)));
  const read = new Set<string>();
  const watched = currentOf(screen.state).entries.map((entry) =>
    Object.defineProperty({ ...entry }, "text", {
      get() {
        read.add(entry.key);
        return entry.text;
      },
    }),
  );
  screen.state = change(screen.state, "bob", (one) => ({ ...one, entries: watched }));
  for (let count = 0; count < 100; count += 1) render(screen.did(...press("page-up")).state);
  expect(read.size).toBeGreaterThan(800);
  expect(read.size).toBeLessThan(1000);
});
