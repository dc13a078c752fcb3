import { type Cluster, clusters, cut, widthOf } from "./cell-width.ts";

/** What a piece of text is, not how it looks. `name-N`: somebody's, in their colour. */
export type Role =
  | "plain"
  | "faint"
  | "strong"
  | "warning"
  | "good"
  | "selected"
  | "match"
  | `name-${0 | 1 | 2 | 3 | 4 | 5 | 6 | 7}`;

export type Span = { readonly text: string; readonly role: Role };
/** One row of the screen, or of a part of it. */
export type Line = readonly Span[];

export function span(text: string, role: Role = "plain"): Span {
  return { text, role };
}

export function lineWidth(line: Line): number {
  return line.reduce((sum, { text }) => sum + widthOf(text), 0);
}

/** As much of the beginning as fits. */
export function cutLine(line: Line, columns: number): Line {
  const kept: Span[] = [];
  let left = columns;
  for (const { text, role } of line) {
    const part = cut(text, left);
    if (part !== "") kept.push({ text: part, role });
    left -= widthOf(text);
    if (left <= 0) break;
  }
  return kept;
}

/** Exactly so many columns. */
export function fitLine(line: Line, columns: number): Line {
  const kept = cutLine(line, columns);
  const missing = columns - lineWidth(kept);
  return missing > 0 ? [...kept, span(" ".repeat(missing))] : kept;
}

export function textOfLine(line: Line): string {
  return line.map(({ text }) => text).join("");
}

type Cell = Cluster & { readonly role: Role };

/** Breaks at spaces where there are any, and never makes a line wider than that. Spaces at a break go. */
export function wrap(spans: Line, columns: number): Line[] {
  const cells = spans.flatMap(({ text, role }) => clusters(text).map((cluster) => ({ ...cluster, role })));
  const lines: Line[] = [];
  for (let start = 0; start < cells.length; ) {
    const { end, next } = nextBreak(cells, start, columns);
    lines.push(joined(cells.slice(start, end)));
    start = next;
  }
  return lines.length === 0 ? [[]] : lines;
}

/** Where the line that begins there ends, and where the following one begins. */
function nextBreak(cells: readonly Cell[], start: number, columns: number): { end: number; next: number } {
  let width = 0;
  let space = -1;
  for (let index = start; index < cells.length; index += 1) {
    const { text = "", width: own = 1 } = cells[index] ?? {};
    if (text === " " && index > start) space = index;
    width += own;
    if (width <= columns) continue;
    if (space > start) return { end: space, next: space + 1 };
    const end = Math.max(index, start + 1);
    return { end, next: end };
  }
  return { end: cells.length, next: cells.length };
}

function joined(cells: readonly Cell[]): Line {
  const spans: Span[] = [];
  for (const { text, role } of cells) {
    const last = spans.at(-1);
    if (last?.role === role) spans[spans.length - 1] = { text: last.text + text, role };
    else spans.push({ text, role });
  }
  return spans;
}
