/** What may be pressed and typed, for people. */
export const HELP: readonly (readonly [keys: string, what: string])[] = [
  ["Enter", "send"],
  ["Alt+Enter, Ctrl+J", "a new line; a paste keeps its own"],
  ["Page Up, Page Down", "read on; Up and Down by one row"],
  ["Ctrl+Home, Ctrl+End", "the oldest loaded, the newest"],
  ["Ctrl+N, Ctrl+P", "the next, the previous conversation"],
  ["Alt+1 to Alt+9", "that conversation; Alt+A the next with something new"],
  ["Ctrl+F, /search TEXT", "search here; Up older, Down newer, Esc closes"],
  ["/open NAME", "a conversation with somebody else"],
  ["/retry", "try at once to deliver what is queued"],
  ["/lock", "hide everything until the passphrase is typed"],
  ["/quit, Ctrl+C, Ctrl+D", "leave; Ctrl+C first clears what is written"],
  ["//TEXT", "send a text that begins with a slash"],
  ["Ctrl+L", "draw the screen again"],
  ["Ctrl+W, Ctrl+U, Ctrl+K", "delete the word, to the start, to the end of the line"],
];
