import { clusters } from "../../peer/cli/chat/cell-width.ts";

/*
 * A picture of a terminal from what `tmux capture-pane -e` says is on it.
 */

type Style = {
  readonly bold: boolean;
  readonly faint: boolean;
  readonly reverse: boolean;
  readonly colour: number | undefined;
};
type Run = { readonly column: number; readonly width: number; readonly text: string; readonly style: Style };

const PLAIN: Style = { bold: false, faint: false, reverse: false, colour: undefined };
const CELL = { width: 8.4, height: 18 };
const MARGIN = 14;
const BACKGROUND = "#1d2026";
const FOREGROUND = "#d8dce4";
/** The sixteen colours that every terminal has, as this one shows them. */
const PALETTE = [
  ...["#3b4048", "#e06c75", "#8fc573", "#e0b66a", "#6aaef0", "#c98ae0", "#5fc3cf", "#c8ccd4"],
  ...["#6b7280", "#ff8a93", "#a9dd8e", "#f5cf86", "#8cc5ff", "#dfa5f5", "#7fdde8", "#ffffff"],
];

/** @param title  for whoever cannot see it */
export function terminalSvg(screen: readonly string[], columns: number, title: string): string {
  const [width, height] = [columns * CELL.width + 2 * MARGIN, screen.length * CELL.height + 2 * MARGIN];
  const rows = screen.flatMap((line, row) => runsOf(line).map((run) => draw(run, row)));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${round(width)} ${height}" role="img" aria-label="${escaped(title)}">`,
    `<rect width="100%" height="100%" rx="8" fill="${BACKGROUND}"/>`,
    `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" xml:space="preserve" style="white-space:pre">`,
    ...rows,
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

/** Pieces of one look; what is wide or may be drawn in another width stands alone, so that nothing else moves. */
function runsOf(line: string): Run[] {
  const runs: Run[] = [];
  let style = PLAIN;
  let column = 0;
  for (const [, codes, text = ""] of line.matchAll(/\x1b\[([\d;]*)m|([^\x1b]+)/g)) {
    if (codes !== undefined) style = restyled(style, codes);
    for (const cluster of clusters(text)) {
      const last = runs.at(-1);
      const joins = last?.style === style && /^[\x20-\x7e]+$/.test(last.text) && /^[\x20-\x7e]$/.test(cluster.text);
      if (joins) runs[runs.length - 1] = { ...last, text: last.text + cluster.text, width: last.width + 1 };
      else runs.push({ column, width: cluster.width, text: cluster.text, style });
      column += cluster.width;
    }
  }
  return runs.filter(({ text, style: { reverse } }) => reverse || text.trim() !== "");
}

function restyled(before: Style, codes: string): Style {
  let style = before;
  for (const code of codes.split(";").map(Number)) style = withCode(style, code);
  return style;
}

function withCode(style: Style, code: number): Style {
  if (code === 0) return PLAIN;
  if (code === 1) return { ...style, bold: true };
  if (code === 2) return { ...style, faint: true };
  if (code === 7) return { ...style, reverse: true };
  if (code === 39) return { ...style, colour: undefined };
  if (code >= 30 && code <= 37) return { ...style, colour: code - 30 };
  return code >= 90 && code <= 97 ? { ...style, colour: code - 82 } : style;
}

function draw({ column, width, text, style }: Run, row: number): string {
  const [x, y] = [round(MARGIN + column * CELL.width), MARGIN + row * CELL.height];
  const colour = style.colour === undefined ? FOREGROUND : (PALETTE[style.colour] ?? FOREGROUND);
  const length = round(width * CELL.width);
  const block = `<rect x="${x}" y="${y}" width="${length}" height="${CELL.height}" fill="${colour}"/>`;
  const look = [
    `fill="${style.reverse ? BACKGROUND : colour}"`,
    style.bold ? ' font-weight="bold"' : "",
    style.faint ? ' opacity="0.6"' : "",
    width > 1 ? ` textLength="${length}" lengthAdjust="spacingAndGlyphs"` : "",
  ].join("");
  const words = `<text x="${x}" y="${round(y + CELL.height * 0.76)}" ${look}>${escaped(text)}</text>`;
  return style.reverse ? block + words : words;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
