import type { Line } from "./line.ts";
import { entryLines, type Layout } from "./message-lines.ts";
import type { Conversation, Scroll } from "./model.ts";

/** A row of a conversation: the entry, and the row within it. */
type Place = { readonly index: number; readonly row: number };

/** What of a conversation is on the screen, oldest first: at most `rows` lines. */
export function visibleRows(conversation: Conversation, layout: Layout, rows: number): readonly Line[] {
  const shown: Line[] = [];
  for (let place = bottomOf(conversation, layout); place !== undefined && shown.length < rows; ) {
    const line = entryLines(conversation, place.index, layout)[place.row];
    if (line !== undefined) shown.push(line);
    place = above(place, conversation, layout);
  }
  return shown.reverse();
}

/** How the view stands after it has moved up (or down, below zero) by that many rows. */
export function scrolled(conversation: Conversation, layout: Layout, rows: number, by: number): Scroll {
  let place = bottomOf(conversation, layout);
  if (place === undefined) return undefined;
  const next = by > 0 ? above : below;
  for (let left = Math.abs(by); left > 0; left -= 1) {
    const moved: Place | undefined = next(place, conversation, layout);
    if (moved === undefined) break;
    place = moved;
  }
  return settled(place, conversation, layout, rows);
}

/** The view with that entry in its middle, or what is searched for in it. */
export function centred(conversation: Conversation, layout: Layout, rows: number, key: string): Scroll {
  const index = conversation.entries.findIndex((entry) => entry.key === key);
  if (index === -1) return conversation.scroll;
  const hit = entryLines(conversation, index, layout).findIndex((line) => line.some(({ role }) => role === "match"));
  const at = { ...conversation, scroll: { key, row: Math.max(0, hit) } };
  return scrolled(at, layout, rows, -Math.floor(rows / 2));
}

export type Laid = { readonly layout: Layout; readonly rows: number };

/** The view on about the same words, laid out for another size. */
export function relaid(conversation: Conversation, before: Laid, after: Laid): Scroll {
  const { scroll, entries } = conversation;
  const index = entries.findIndex(({ key }) => key === scroll?.key);
  if (scroll === undefined || index === -1) return scroll;
  const rowsOf = ({ layout }: Laid) => entryLines(conversation, index, layout).length;
  const row = Math.round(((scroll.row + 1) / rowsOf(before)) * rowsOf(after)) - 1;
  const moved = { ...conversation, scroll: { ...scroll, row: Math.max(0, row) } };
  return scrolled(moved, after.layout, after.rows, 0);
}

/** How many rows are above the view, no more than `most`. */
export function rowsAbove(conversation: Conversation, layout: Layout, rows: number, most: number): number {
  let place = bottomOf(conversation, layout);
  let count = 0;
  for (; place !== undefined && count < rows + most; count += 1) place = above(place, conversation, layout);
  return Math.max(0, count - rows);
}

/** Never above the first screenful; at the newest row the view follows what comes. */
function settled(place: Place, conversation: Conversation, layout: Layout, rows: number): Scroll {
  let lowest: Place | undefined = place;
  let filled = 0;
  for (let up: Place | undefined = place; up !== undefined && filled < rows; filled += 1)
    up = above(up, conversation, layout);
  for (; filled < rows && lowest !== undefined; filled += 1) lowest = below(lowest, conversation, layout);
  if (lowest === undefined || below(lowest, conversation, layout) === undefined) return undefined;
  const entry = conversation.entries[lowest.index];
  return entry && { key: entry.key, row: lowest.row };
}

function bottomOf(conversation: Conversation, layout: Layout): Place | undefined {
  const { entries, scroll } = conversation;
  const index = scroll === undefined ? -1 : entries.findIndex(({ key }) => key === scroll.key);
  if (index === -1 || scroll === undefined) return lastRow(entries.length - 1, conversation, layout);
  return { index, row: Math.min(scroll.row, entryLines(conversation, index, layout).length - 1) };
}

function lastRow(index: number, conversation: Conversation, layout: Layout): Place | undefined {
  if (index < 0) return undefined;
  return { index, row: entryLines(conversation, index, layout).length - 1 };
}

function above({ index, row }: Place, conversation: Conversation, layout: Layout): Place | undefined {
  return row > 0 ? { index, row: row - 1 } : lastRow(index - 1, conversation, layout);
}

function below({ index, row }: Place, conversation: Conversation, layout: Layout): Place | undefined {
  if (row + 1 < entryLines(conversation, index, layout).length) return { index, row: row + 1 };
  return index + 1 < conversation.entries.length ? { index: index + 1, row: 0 } : undefined;
}
