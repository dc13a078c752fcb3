import { type Line, span, wrap } from "./line.ts";

/** What may be pressed and typed, for people. */
const HELP: readonly (readonly [keys: string, what: string])[] = [
  ["Enter", "send"],
  ["Alt+Enter, Ctrl+J", "a new line; a paste keeps its own"],
  ["Up, Down", "what you sent before; between the lines of what you write"],
  ["Page Up, Page Down", "read on; Ctrl or Shift with Up and Down: by one row"],
  ["Ctrl+Home, Ctrl+End", "the oldest loaded, the newest"],
  ["Ctrl+N, Ctrl+P", "the next, the previous conversation"],
  ["Alt+1 to Alt+9", "that conversation; Alt+A the next with something new"],
  ["Ctrl+F, /search TEXT", "search here; Up older, Down newer, Esc closes"],
  ["Alt+Up, Alt+Down", "pick a message; otherwise the newest is meant"],
  ["/reply TEXT, /react EMOJI", "to theirs; /react alone takes it back"],
  ["/edit [TEXT], /delete", "one of yours, for both sides"],
  ["/accept", "let somebody new write without a limit"],
  ["/open NAME", "a conversation with somebody else"],
  ["/retry", "try at once to deliver what is queued"],
  ["/lock", "hide everything until the passphrase is typed"],
  ["/quit, Ctrl+D, Ctrl+C twice", "leave; Ctrl+C first clears what is written"],
  ["//TEXT", "send a text that begins with a slash"],
  ["Tab", "complete an order, or the name behind /open"],
  ["Ctrl+A, Ctrl+E", "to the start, to the end of the line"],
  ["Alt+B, Alt+F", "a word back, a word on"],
  ["Ctrl+W, Alt+D", "delete the word before, the word behind"],
  ["Ctrl+U, Ctrl+K", "delete to the start, to the end of the line"],
  ["Ctrl+Y", "put in what was deleted last"],
  ["Ctrl+L", "draw the screen again"],
  ["F1, /help", "this; Up and Down read it, Esc closes it"],
];

const KEYS_COLUMNS = 29;
/** Narrower screens have what it does below the keys. */
const BESIDE_FROM_COLUMNS = 56;
const INDENT = "  ";

export function helpLines(columns: number): readonly Line[] {
  return HELP.flatMap(([keys, what]) =>
    columns < BESIDE_FROM_COLUMNS ? below(keys, what, columns) : beside(keys, what, columns),
  );
}

function beside(keys: string, what: string, columns: number): Line[] {
  const rows = wrap([span(what)], columns - KEYS_COLUMNS);
  return rows.map((row, index) => [span((index === 0 ? keys : "").padEnd(KEYS_COLUMNS), "strong"), ...row]);
}

function below(keys: string, what: string, columns: number): Line[] {
  const rows = wrap([span(what)], Math.max(1, columns - INDENT.length));
  return [...wrap([span(keys, "strong")], columns), ...rows.map((row): Line => [span(INDENT), ...row])];
}
