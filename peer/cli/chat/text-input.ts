import { utf8 } from "../../../shared/bytes.ts";

/** Text being written, and where in it: an index between characters. */
export type TextInput = { readonly text: string; readonly at: number };

export type Edit =
  | "left"
  | "right"
  | "word-left"
  | "word-right"
  | "home"
  | "end"
  | "up"
  | "down"
  | "delete-left"
  | "delete-right"
  | "delete-word"
  | "delete-word-right"
  | "delete-to-start"
  | "delete-to-end";

/** What a key does to whatever is being written. */
export const EDITS: Readonly<Record<string, Edit>> = {
  left: "left",
  right: "right",
  home: "home",
  end: "end",
  backspace: "delete-left",
  delete: "delete-right",
  "ctrl-a": "home",
  "ctrl-e": "end",
  "ctrl-b": "left",
  "ctrl-left": "word-left",
  "alt-left": "word-left",
  "alt-b": "word-left",
  "ctrl-right": "word-right",
  "alt-right": "word-right",
  "alt-f": "word-right",
  "ctrl-w": "delete-word",
  "alt-backspace": "delete-word",
  "alt-d": "delete-word-right",
  "alt-delete": "delete-word-right",
  "ctrl-delete": "delete-word-right",
  "ctrl-u": "delete-to-start",
  "ctrl-k": "delete-to-end",
};

const KILLS: ReadonlySet<Edit> = new Set(["delete-word", "delete-word-right", "delete-to-start", "delete-to-end"]);

export const EMPTY_INPUT: TextInput = { text: "", at: 0 };

const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const WORD_BEFORE = /[^\s]+\s*$/u;
const WORD_BEHIND = /^\s*[^\s]+/u;

/** Text with the cursor behind it. */
export function endOf(text: string): TextInput {
  return { text, at: text.length };
}

/** What an edit that takes more than a character has taken, so that it can be put elsewhere. */
export function takenAway(before: TextInput, after: TextInput, action: Edit): string {
  return KILLS.has(action) ? before.text.slice(after.at, after.at + before.text.length - after.text.length) : "";
}

export function insert({ text, at }: TextInput, added: string): TextInput {
  return { text: text.slice(0, at) + added + text.slice(at), at: at + added.length };
}

export function bytesOf({ text }: TextInput): number {
  return utf8(text).length;
}

export function edit(input: TextInput, action: Edit): TextInput {
  const { text, at } = input;
  switch (action) {
    case "left":
      return { text, at: before(text, at) };
    case "right":
      return { text, at: behind(text, at) };
    case "word-left":
      return { text, at: wordBefore(text, at) };
    case "word-right":
      return { text, at: wordBehind(text, at) };
    case "home":
      return { text, at: lineStart(text, at) };
    case "end":
      return { text, at: lineEnd(text, at) };
    case "up":
      return { text, at: vertical(text, at, -1) };
    case "down":
      return { text, at: vertical(text, at, 1) };
    case "delete-left":
      return without(input, before(text, at), at);
    case "delete-right":
      return without(input, at, behind(text, at));
    case "delete-word":
      return without(input, wordBefore(text, at), at);
    case "delete-word-right":
      return without(input, at, wordBehind(text, at));
    case "delete-to-start":
      return without(input, lineStart(text, at), at);
    case "delete-to-end":
      return without(input, at, lineEnd(text, at));
  }
}

function without({ text }: TextInput, from: number, to: number): TextInput {
  return { text: text.slice(0, from) + text.slice(to), at: from };
}

/** A grapheme is at most so long here: looking at the whole text for each key would take time. */
const GRAPHEME_UNITS = 64;

function before(text: string, at: number): number {
  const start = Math.max(0, at - GRAPHEME_UNITS);
  const last = [...GRAPHEMES.segment(text.slice(start, at))].at(-1);
  return last === undefined ? at : start + last.index;
}

function behind(text: string, at: number): number {
  const [first] = GRAPHEMES.segment(text.slice(at, at + GRAPHEME_UNITS));
  return at + (first?.segment.length ?? 0);
}

function wordBefore(text: string, at: number): number {
  return at - (WORD_BEFORE.exec(text.slice(0, at))?.[0].length ?? at);
}

function wordBehind(text: string, at: number): number {
  return at + (WORD_BEHIND.exec(text.slice(at))?.[0].length ?? text.length - at);
}

function lineStart(text: string, at: number): number {
  return at === 0 ? 0 : text.lastIndexOf("\n", at - 1) + 1;
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end === -1 ? text.length : end;
}

/** The same column of the line above or below; on the first or last line, where it is. */
function vertical(text: string, at: number, direction: -1 | 1): number {
  const start = lineStart(text, at);
  const target = direction === -1 ? start - 1 : lineEnd(text, at) + 1;
  if (target < 0 || target > text.length) return at;
  const other = lineStart(text, target);
  return whole(text, other, Math.min(other + at - start, lineEnd(text, target)));
}

/** The last boundary between graphemes, from `start` on, that is not behind `at`. */
function whole(text: string, start: number, at: number): number {
  let found = start;
  for (let next = start; next <= at; next = behind(text, next)) {
    if (next === found && next !== start) break;
    found = next;
    if (next === text.length) break;
  }
  return found;
}
