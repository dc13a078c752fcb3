import { visibleLine } from "../visible-text.ts";
import { widthOf } from "./cell-width.ts";
import { type Geometry, geometryOf, LIST_COLUMNS, layoutOf, PROMPT } from "./geometry.ts";
import { helpLines } from "./help.ts";
import { cutLine, fitLine, type Line, lineWidth, type Role, span, wrap } from "./line.ts";
import { colourOf } from "./message-lines.ts";
import { type Conversation, currentOf, type Search, type State } from "./model.ts";
import { visibleRows } from "./viewport.ts";

/** A whole screen: as many lines as it has rows, none wider than it. */
export type Frame = {
  readonly lines: readonly Line[];
  readonly cursor: { readonly row: number; readonly column: number };
};

export function render(state: State): Frame {
  const geometry = geometryOf(state);
  if (geometry === undefined) return plainFrame(state, ["too small"]);
  if (state.locked !== undefined) return lockFrame(state, state.locked);
  const right = conversationLines(state, geometry);
  const lines = geometry.list ? beside(listLines(state), right) : right;
  return { lines: lines.map((line) => cutLine(line, state.size.columns)), cursor: cursorOf(state, geometry) };
}

function conversationLines(state: State, geometry: Geometry): Line[] {
  const { columns, input } = geometry;
  const body = state.help === undefined ? bodyLines(state, geometry) : helpRows(state.help, geometry);
  const draft = input.rows.map((row, index) => [span(index === 0 ? PROMPT : "  ", "faint"), span(row)]);
  return [titleLine(state, columns), ...body, statusLine(state, geometry), ...draft];
}

function bodyLines(state: State, geometry: Geometry): Line[] {
  const { rows } = geometry;
  const conversation = currentOf(state);
  const lines = visibleRows(conversation, layoutOf(state, geometry), rows);
  const hint = lines.length === 0 ? [span(emptyHint(conversation), "faint")] : [];
  const blank = Array.from({ length: rows - lines.length }, (_, index): Line => (index === 0 ? hint : []));
  return [...blank, ...lines].map((line) => cutLine(line, geometry.columns));
}

function emptyHint({ older, username }: Conversation): string {
  return older === "none" ? `nothing between you and ${visibleLine(username)} yet` : "";
}

/** Where the screen has grown since, the last row stays the last. */
function helpRows(from: number, { rows, columns }: Geometry): Line[] {
  const lines = helpLines(columns);
  const first = Math.min(from, Math.max(0, lines.length - rows));
  return Array.from({ length: rows }, (_, index) => lines[first + index] ?? []);
}

function titleLine(state: State, columns: number): Line {
  const { username, contact, online, entries, typingUntilMs } = currentOf(state);
  const path = entries.findLast((entry) => entry.path !== null)?.path;
  const facts = [
    online === undefined ? undefined : online ? "online" : "offline",
    typingUntilMs !== undefined && typingUntilMs > state.nowMs ? "is writing" : undefined,
    path,
    contact === undefined ? "not a contact yet" : contact.verified ? "verified" : undefined,
    contact?.blocked ? "blocked" : undefined,
  ].filter((fact) => fact !== undefined && fact !== null);
  const title = ` ${visibleLine(username)}  ${facts.join(", ")}`;
  const warning = contact?.keyChanged ? `  KEY CHANGED: p2pchat trust ${visibleLine(username)}` : "";
  return fitLine([span(title, "selected"), span(warning, "warning"), span(" ".repeat(columns), "selected")], columns);
}

function statusLine(state: State, geometry: Geometry): Line {
  const { columns } = geometry;
  if (state.search !== undefined) return cutLine(searchLine(state.search), columns);
  const { notice } = state;
  if (notice !== undefined) {
    return cutLine([span(` ${visibleLine(notice.text)}`, notice.kind === "warning" ? "warning" : "faint")], columns);
  }
  const parts = [...placeOf(state, geometry), unreadElsewhere(state)].filter((part) => part !== undefined);
  const detached = state.detached === undefined ? [] : [span(` ${state.detached} `, "warning")];
  const rest = parts.length === 0 && detached.length === 0 ? "/help" : parts.join("  ");
  return cutLine([...detached, span(` ${rest}`, "faint")], columns);
}

/** Where in what the person is. */
function placeOf(state: State, { input }: Geometry): (string | undefined)[] {
  if (state.help !== undefined) return ["Up and Down read on, Esc closes the help"];
  const { unread, scroll, loading, picked, editing } = currentOf(state);
  const marked = picked === undefined ? undefined : "picked: /reply /react /edit /delete, Esc";
  const below = unread.length > 0 ? `${unread.length} new below` : "older messages";
  return [
    input.all > input.rows.length ? `row ${input.first + input.cursor.row + 1} of ${input.all}` : undefined,
    editing === undefined ? marked : "editing: Enter changes the message, Esc leaves it",
    scroll === undefined ? undefined : `${below}, Ctrl+End: newest`,
    loading ? "loading" : undefined,
  ];
}

function unreadElsewhere({ conversations, current }: State): string | undefined {
  const others = conversations.filter(({ username, unread }) => username !== current && unread.length > 0);
  if (others.length === 0) return undefined;
  return others.map(({ username, unread }) => `${visibleLine(username)}: ${unread.length} new`).join(", ");
}

const SEARCH_PROMPT = " search: ";

function searchLine({ input, query, hits, at, seeking }: Search): Line {
  const found = hits.length === 0 ? "nothing found" : `${at + 1} of ${hits.length}${seeking ? ", loading" : ""}`;
  const state = query === undefined ? "Enter searches, Esc closes" : `${found}; Up older, Down newer, Esc closes`;
  return [span(SEARCH_PROMPT, "strong"), span(visibleLine(input.text)), span(`  ${state}`, "faint")];
}

function cursorOf(state: State, { list, rows, input, columns }: Geometry): Frame["cursor"] {
  const left = list ? LIST_COLUMNS : 0;
  if (state.search !== undefined) {
    const { text, at } = state.search.input;
    const column = SEARCH_PROMPT.length + widthOf(visibleLine(text.slice(0, at)));
    return { row: rows + 1, column: left + Math.min(column, columns - 1) };
  }
  return { row: rows + 2 + input.cursor.row, column: left + PROMPT.length + input.cursor.column };
}

/** People, the current one always among them; the numbers are those of Alt+1 to Alt+9. */
function listLines(state: State): Line[] {
  const { conversations, current, size } = state;
  const place = conversations.findIndex(({ username }) => username === current);
  const first = Math.max(0, Math.min(place - Math.floor(size.rows / 2), conversations.length - size.rows));
  const shown = conversations.slice(first, first + size.rows);
  const width = LIST_COLUMNS - 2;
  return Array.from({ length: size.rows }, (_, row): Line => {
    const one = shown[row];
    const line =
      one === undefined ? [] : personLine(one, { number: first + row + 1, isCurrent: one.username === current, width });
    return [...fitLine(line, width), span("│ ", "faint")];
  });
}

type Person = { readonly number: number; readonly isCurrent: boolean; readonly width: number };

function personLine({ username, unread, online }: Conversation, { number, isCurrent, width }: Person): Line {
  const count = unread.length > 0 ? ` ${unread.length} ` : " ";
  const label = `${number <= 9 ? number : " "} ${online ? "*" : " "} `;
  const role: Role = isCurrent ? "selected" : unread.length > 0 ? "strong" : colourOf(username);
  const start = fitLine(
    [span(label, isCurrent ? "selected" : "faint"), span(visibleLine(username), role)],
    width - count.length,
  );
  return [...start, span(count, unread.length > 0 ? "strong" : "plain")];
}

function beside(left: readonly Line[], right: readonly Line[]): Line[] {
  return left.map((line, row) => [...line, ...(right[row] ?? [])]);
}

function lockFrame(state: State, { typed, checking, wrong }: NonNullable<State["locked"]>): Frame {
  const prompt = "Passphrase: ";
  const stars = "*".repeat(Math.min(typed.length, Math.max(0, state.size.columns - prompt.length - 1)));
  const why = checking ? "checking" : (wrong ?? "");
  const frame = plainFrame(state, ["p2pchat is locked", "", `${prompt}${stars}`, why]);
  return { ...frame, cursor: { row: 2, column: prompt.length + stars.length } };
}

function plainFrame({ size }: State, texts: readonly string[]): Frame {
  const rows = texts.flatMap((text) => wrap([span(visibleLine(text))], Math.max(2, size.columns)));
  const lines = Array.from({ length: size.rows }, (_, row): Line => cutLine(rows[row] ?? [], size.columns));
  const column = Math.min(lineWidth(lines[0] ?? []), size.columns - 1);
  return { lines, cursor: { row: 0, column: Math.max(0, column) } };
}
