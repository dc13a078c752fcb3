import type { Terminal } from "../context.ts";
import { toAnsi } from "./ansi.ts";
import type { Size } from "./model.ts";
import type { Frame } from "./render.ts";

/*
 * Another screen than the one with the shell's history, no wrapping (a line that a terminal finds wider than we do is cut
 * at the edge), pastes with marks around them.
 */
const ENTER = "\x1b[?1049h\x1b[?7l\x1b[?2004h\x1b[2J";
const LEAVE = "\x1b[0m\x1b[?2026l\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?1049l";
/** Whoever knows them shows what is between as one change; others ignore them. */
const BEGIN_UPDATE = "\x1b[?2026h\x1b[?25l";
const END_UPDATE = "\x1b[?25h\x1b[?2026l";
const ANYWHERE: Size = { columns: 80, rows: 24 };

/** The terminal while a conversation has it. */
export interface Screen extends Disposable {
  size(): Size;
  /** Writes what differs from what is there; all of it after a resize or `forget`. */
  show(frame: Frame): void;
  /** Somebody else may have written on it. */
  forget(): void;
}

/** Takes the terminal; disposing gives it back as it was, and so does an error that nobody catches. */
export function takeScreen({ stdin, stdout, env }: Terminal): Screen {
  const colour = !env["NO_COLOR"];
  let shown: readonly string[] = [];
  let taken = true;
  const giveBack = () => {
    if (!taken) return;
    taken = false;
    process.off("uncaughtExceptionMonitor", giveBack);
    process.off("exit", giveBack);
    stdout.write(LEAVE);
    setRaw(stdin, false);
    stdin.pause();
  };
  process.on("uncaughtExceptionMonitor", giveBack);
  process.on("exit", giveBack);
  setRaw(stdin, true);
  stdout.write(ENTER);
  return {
    size: () => ({ columns: stdout.columns || ANYWHERE.columns, rows: stdout.rows || ANYWHERE.rows }),
    show({ lines, cursor }) {
      if (!taken) return;
      const next = lines.map((line) => toAnsi(line, colour));
      const changes = next.flatMap((line, row) => (line === shown[row] ? [] : [`${at(row, 0)}\x1b[K${line}`]));
      shown = next;
      stdout.write(`${BEGIN_UPDATE}${changes.join("")}${at(cursor.row, cursor.column)}${END_UPDATE}`);
    },
    forget() {
      shown = [];
      if (taken) stdout.write("\x1b[2J");
    },
    [Symbol.dispose]: giveBack,
  };
}

function at(row: number, column: number): string {
  return `\x1b[${row + 1};${column + 1}H`;
}

/** A terminal that is gone cannot be set, and needs not. */
function setRaw(stdin: Terminal["stdin"], raw: boolean): void {
  try {
    stdin.setRawMode?.(raw);
  } catch {
    // It hung up.
  }
}
