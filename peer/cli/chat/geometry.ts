import { visibleLine } from "../visible-text.ts";
import { clusters } from "./cell-width.ts";
import type { Layout } from "./message-lines.ts";
import { currentOf, type Size, type State } from "./model.ts";
import type { TextInput } from "./text-input.ts";

const MIN_SIZE: Size = { columns: 20, rows: 4 };
/** Narrower screens show no list of people beside the conversation. */
const LIST_FROM_COLUMNS = 80;
export const LIST_COLUMNS = 22;
export const PROMPT = "> ";
const MAX_INPUT_ROWS = 6;
/** The title above the conversation, the status below it. */
const BARS = 2;

export type Geometry = {
  readonly list: boolean;
  readonly columns: number;
  /** Of the conversation. */
  readonly rows: number;
  readonly input: InputRows;
};

/** Undefined where the screen is too small for anything. */
export function geometryOf(state: State): Geometry | undefined {
  const { size } = state;
  if (size.columns < MIN_SIZE.columns || size.rows < MIN_SIZE.rows) return undefined;
  const list = size.columns >= LIST_FROM_COLUMNS;
  const columns = list ? size.columns - LIST_COLUMNS : size.columns;
  const most = Math.max(1, Math.min(MAX_INPUT_ROWS, Math.floor(size.rows / 3)));
  const input = inputRows(currentOf(state).draft, columns - PROMPT.length, most);
  return { list, columns, rows: size.rows - BARS - input.rows.length, input };
}

export function layoutOf(state: State, { columns }: Geometry): Layout {
  const { me, nowMs, search } = state;
  return { columns, me, nowMs, ...(search?.query !== undefined && { query: search.query }) };
}

export type InputRows = {
  readonly rows: readonly string[];
  /** Which of all rows is the first of these. */
  readonly first: number;
  readonly all: number;
  readonly cursor: { readonly row: number; readonly column: number };
};

/** The rows around the cursor, `most` at most; one column stays free for it. */
export function inputRows({ text, at }: TextInput, columns: number, most: number): InputRows {
  const all = brokenAt(text, columns - 1);
  const before = brokenAt(text.slice(0, at), columns - 1);
  const row = before.length - 1;
  const column = clusters(before.at(-1) ?? "").reduce((sum, { width }) => sum + width, 0);
  const first = Math.min(Math.max(0, row - most + 1), Math.max(0, all.length - most));
  return { rows: all.slice(first, first + most), first, all: all.length, cursor: { row: row - first, column } };
}

/** Breaks wherever a row is full, so that the rows of a beginning are the beginning of the rows. */
function brokenAt(text: string, columns: number): string[] {
  return text.split("\n").flatMap((line) => {
    const rows = [""];
    let width = 0;
    for (const cluster of clusters(visibleLine(line.replaceAll("\t", "    ")))) {
      if (width + cluster.width > columns) {
        rows.push("");
        width = 0;
      }
      rows[rows.length - 1] += cluster.text;
      width += cluster.width;
    }
    return rows;
  });
}
