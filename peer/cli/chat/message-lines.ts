import { localTime } from "../instant.ts";
import { visibleLine } from "../visible-text.ts";
import { widthOf } from "./cell-width.ts";
import { cutLine, type Line, lineWidth, type Role, type Span, span, wrap } from "./line.ts";
import { aimOf, type Conversation, type Entry, idOf } from "./model.ts";

/** How a conversation is laid out; equal objects give equal lines. */
export type Layout = {
  readonly columns: number;
  readonly me: string;
  readonly nowMs: number;
  /** What is searched for is marked. */
  readonly query?: string;
};

const TIME = "18:30 ";
const BAR = " │ ";
/** Narrower screens have the text below the name. */
const BESIDE_FROM_COLUMNS = 40;
const EDGE = "│ ";
/** A name takes at most this part of the row. */
const NAME_SHARE = 4;
const COLOURS = 8;
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const DAY_MS = 24 * 3_600_000;

const MARKS = {
  sending: ["...", "faint"],
  queued: ["queued", "faint"],
  relayed: ["in their mailbox", "faint"],
  stored: ["✓", "good"],
  displayed: ["✓✓", "good"],
  failed: ["failed", "warning"],
} as const satisfies Record<NonNullable<Entry["state"]>, readonly [string, Role]>;
const QUOTE_COLUMNS = 60;

/** An entry with what stands above it: the day, and that what follows is new. */
export function entryLines(conversation: Conversation, index: number, layout: Layout): readonly Line[] {
  const entry = conversation.entries[index];
  if (entry === undefined) return [];
  const day = dayOf(entry.sentAt);
  const previous = conversation.entries[index - 1];
  const above: Line[] = [];
  if (previous === undefined || dayOf(previous.sentAt) !== day)
    above.push(ruler(dayName(entry.sentAt, layout.nowMs), layout));
  if (conversation.newFrom === entry.key) above.push(ruler("new", layout, "warning"));
  const body = bodyLines(entry, conversation, layout);
  return above.length === 0 ? body : [...above, ...body];
}

type Kept = { readonly layout: string; readonly lines: readonly Line[] };
const kept = new WeakMap<Entry, Kept>();

function bodyLines(entry: Entry, conversation: Conversation, layout: Layout): readonly Line[] {
  const { username: other } = conversation;
  const isPicked = aimOf(conversation) === entry.key;
  const quote = quoteOf(entry, conversation);
  const signature = JSON.stringify([layout.columns, layout.me, other, layout.query, isPicked, quote]);
  const before = kept.get(entry);
  if (before?.layout === signature) return before.lines;
  const lines = layOut({ entry, other, isPicked, quote }, layout);
  kept.set(entry, { layout: signature, lines });
  return lines;
}

/** The beginning of what this one answers; undefined where it answers nothing. */
function quoteOf({ replyTo }: Entry, { entries }: Conversation): string | undefined {
  if (replyTo === undefined) return undefined;
  const found = entries.find(({ key }) => idOf(key) === replyTo);
  if (found === undefined) return "an older message";
  return `${found.from}: ${found.deleted ? "taken back" : found.text}`;
}

type Parts = {
  readonly entry: Entry;
  readonly other: string;
  readonly isPicked: boolean;
  readonly quote: string | undefined;
};

/** Time, name, text; no further row of a message can be taken for the first of another. */
function layOut({ entry, other, isPicked, quote }: Parts, { columns, me, query }: Layout): readonly Line[] {
  const longest = Math.max(me.length, other.length);
  const share = columns < BESIDE_FROM_COLUMNS ? columns - TIME.length : Math.floor(columns / NAME_SHARE);
  const nameColumns = Math.min(longest, share);
  const name = cutLine([span(visibleLine(entry.from), entry.own ? "strong" : colourOf(entry.from))], nameColumns);
  const padding = span(" ".repeat(Math.max(0, nameColumns - lineWidth(name))));
  const time = span(`${clockTime(entry.sentAt)} `, "faint");
  const above = quote === undefined ? [] : [cutLine([span(`> ${visibleLine(quote)}`, "faint")], QUOTE_COLUMNS)];
  const lines = [...above, ...textLines(entry, query), ...reactionLines(entry)];
  const role = isPicked ? "selected" : "faint";
  if (columns < BESIDE_FROM_COLUMNS) {
    const rows = lines.flatMap((line) => wrap(line, Math.max(2, columns - EDGE.length)));
    return [[time, ...name], ...rows.map((row) => [span(EDGE, role), ...row])].map((row) => cutLine(row, columns));
  }
  const bar = span(BAR, role);
  const first: Line = [time, padding, ...name, bar];
  const further: Line = [span(" ".repeat(TIME.length + nameColumns)), bar];
  const rows = lines.flatMap((line) => wrap(line, columns - TIME.length - nameColumns - BAR.length));
  return rows.map((row, index) => cutLine([...(index === 0 ? first : further), ...row], columns));
}

function textLines(entry: Entry, query: string | undefined): Line[] {
  const text = entry.text.replaceAll("\t", "    ").split(/\r?\n/);
  const lines: Span[][] = entry.deleted
    ? [[span("taken back", "faint")]]
    : text.map((line) => highlighted(visibleLine(line), query));
  const last = lines.at(-1);
  if (entry.edited && !entry.deleted) last?.push(span(" (edited)", "faint"));
  if (entry.expiresAt !== undefined && !entry.deleted) {
    last?.push(span(` (until ${localTime(entry.expiresAt)})`, "faint"));
  }
  if (entry.own && entry.state !== undefined) {
    const [mark, role] = MARKS[entry.state];
    last?.push(span(" "), span(mark, role));
  }
  return lines;
}

function reactionLines({ reactions = [] }: Entry): Line[] {
  if (reactions.length === 0) return [];
  const text = reactions.map(({ from, emoji }) => `${visibleLine(emoji)} ${visibleLine(from)}`).join("  ");
  return [[span(text, "faint")]];
}

function highlighted(text: string, query: string | undefined): Span[] {
  const needle = query?.toLocaleLowerCase() ?? "";
  const hay = text.toLocaleLowerCase();
  // Where lower case is longer, places do not agree.
  if (needle === "" || hay.length !== text.length) return [span(text)];
  const spans: Span[] = [];
  let from = 0;
  for (let at = hay.indexOf(needle); at !== -1; at = hay.indexOf(needle, from)) {
    spans.push(span(text.slice(from, at)), span(text.slice(at, at + needle.length), "match"));
    from = at + needle.length;
  }
  return [...spans, span(text.slice(from))].filter((part) => part.text !== "");
}

/** The same person has the same colour, today and tomorrow. */
export function colourOf(username: string): Role {
  let hash = 0;
  for (const character of username) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 65_521;
  return `name-${(hash % COLOURS) as 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7}`;
}

function ruler(text: string, { columns }: Layout, role: Role = "faint"): Line {
  const dashes = Math.max(0, columns - widthOf(text) - 2);
  const left = Math.floor(dashes / 2);
  return cutLine([span(`${"─".repeat(left)} ${text} ${"─".repeat(dashes - left)}`, role)], columns);
}

function dayOf(iso: string): string {
  const date = new Date(iso);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function dayName(iso: string, nowMs: number): string {
  const day = dayOf(iso);
  if (day === dayOf(new Date(nowMs).toISOString())) return "today";
  if (day === dayOf(new Date(nowMs - DAY_MS).toISOString())) return "yesterday";
  return `${DAYS[new Date(iso).getDay()]} ${day}`;
}

function clockTime(iso: string): string {
  const date = new Date(iso);
  return `${two(date.getHours())}:${two(date.getMinutes())}`;
}

function two(part: number): string {
  return String(part).padStart(2, "0");
}
