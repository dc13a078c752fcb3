import * as fc from "fast-check";
import { type Effect, type Happening, initialState, type Size, type State } from "../../peer/cli/chat/model.ts";
import { update } from "../../peer/cli/chat/update.ts";
import type { ChatMessage, HistoryMessage } from "../../peer/messaging/operations/messages.ts";
import { MESSAGE } from "./fake-operations.ts";

export const NOW_MS = Date.parse("2026-11-20T18:30:00.000Z");

export type Run = { state: State; readonly effects: Effect[]; did(...happenings: Happening[]): Run };

/** A screen to which things happen; what it asks for heaps up. */
export function screenOf(size: Size = { columns: 60, rows: 12 }, to = "bob"): Run {
  const run: Run = {
    state: initialState({ size, to, nowMs: NOW_MS, nonce: "here" }),
    effects: [],
    did(...happenings) {
      for (const happening of happenings) {
        const step = update(run.state, happening);
        run.state = step.state;
        run.effects.push(...step.effects);
      }
      return run;
    },
  };
  return run.did({ type: "me", username: "alice" });
}

export function press(...names: string[]): Happening[] {
  return names.map((name) => ({ type: "input", input: { type: "key", name } }));
}

export function type(text: string): Happening {
  return { type: "input", input: { type: "text", text } };
}

export function order(text: string): Happening[] {
  return [type(text), ...press("enter")];
}

/** The nth message between alice and bob, a minute after the one before. */
export function message(number: number, change: Partial<HistoryMessage> = {}): HistoryMessage {
  const at = new Date(NOW_MS - 86_400_000 + number * 60_000).toISOString();
  const own = change.direction === "out";
  return {
    ...MESSAGE,
    id: number.toString(16).padStart(32, "0"),
    text: `message ${number}`,
    sentAt: at,
    receivedAt: at,
    seq: number,
    ...(own ? { from: "alice", cursor: 0, direction: "out" } : { from: "bob", cursor: number, direction: "in" }),
    ...change,
  };
}

export function arrival(number: number, change: Partial<ChatMessage> = {}): Happening {
  const { direction: _, state: __, ...inbound } = message(number);
  return { type: "event", event: { type: "message", ...inbound, ...change } };
}

export function page(
  messages: readonly HistoryMessage[],
  change: { olderThan?: number; older?: number | null } = {},
): Happening {
  return { type: "page", with: "bob", messages, older: null, ...change };
}

export function messages(from: number, to: number): HistoryMessage[] {
  return Array.from({ length: to - from + 1 }, (_, index) => message(from + index));
}

/** Texts that are hard to lay out: wide, marked, without spaces, hostile, of many lines. */
export const hardText = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 120 }),
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.constantFrom(
    "漢字かな交じり文".repeat(9),
    "👍🏽👩‍👧🇩🇪❤️",
    "e\u0301".repeat(40),
    "\u0301alone",
    "a\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u0309\u030a",
    "x".repeat(300),
    "\x1b[2J\x1b]0;title\x07\u202e",
    "one\ntwo\r\nthree\n\n",
    "\t\ttabs",
    "  leading and trailing  ",
  ),
);

export const anySize = fc.record({ columns: fc.integer({ min: 1, max: 140 }), rows: fc.integer({ min: 1, max: 50 }) });
