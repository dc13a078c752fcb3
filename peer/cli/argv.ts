import { ChatError } from "../../shared/errors.ts";
import type { Option } from "./command.ts";

const OPTION = /^--([^=]+)(=)?/s;

/** The parser's own: it would answer the one, and take the others for what it makes of a command line. */
const NO_OPTIONS: ReadonlySet<string> = new Set(["get-yargs-completions", "_", "$0"]);

/** Words that the parser would not leave to a command: a message may say `help`. */
const WORDS: ReadonlySet<string> = new Set(["-", "help"]);

/**
 * Arguments in a form that the parser takes literally: whatever follows `--`, and a lone `-` or `help` before it, becomes a
 * stand-in that can be neither an option nor a number. No argument of a process holds the zero character.
 */
export type Guarded = {
  readonly argv: readonly string[];
  /** The text that a stand-in stands for; any other text is itself. */
  restore(parsed: string): string;
};

/**
 * Refuses a single dash too: the parser would take `-json` for `--json`, and `-5` for a number.
 *
 * @throws ChatError USAGE
 */
export function guardArguments(typed: readonly string[]): Guarded {
  const argv = asksForHelp(typed);
  const end = argv.indexOf("--");
  const head = end === -1 ? argv : argv.slice(0, end);
  const tail = end === -1 ? [] : argv.slice(end + 1);
  const dashed = head.find((text) => /^-[^-]/.test(text) && text !== "-h");
  if (dashed !== undefined) {
    throw new ChatError("USAGE", `unknown option ${dashed}; text that begins with a dash goes behind --`);
  }
  for (const text of head) refuseParserOptions(text);
  const literals: string[] = [];
  const standIn = (text: string) => `\0${literals.push(text) - 1}`;
  return {
    argv: [...head.map((text) => (WORDS.has(text) ? standIn(text) : text)), ...tail.map(standIn)],
    restore: (parsed) => (parsed.startsWith("\0") ? (literals[Number(parsed.slice(1))] ?? "") : parsed),
  };
}

/** `help send` is `send --help`. */
function asksForHelp([first, ...rest]: readonly string[]): readonly string[] {
  if (first === undefined) return [];
  return first === "help" ? ["--help", ...rest] : [first, ...rest];
}

function refuseParserOptions(text: string): void {
  const [, name = "", equals] = OPTION.exec(text) ?? [];
  if (NO_OPTIONS.has(name)) throw new ChatError("USAGE", `unknown argument: ${name}`);
  if (equals && (name === "help" || name === "version")) throw new ChatError("USAGE", `--${name} takes no value`);
}

/** Gives options that stand bare the value that they mean then, so that the parser does not take the next word for it. */
export function spellOut(argv: readonly string[], options: Readonly<Record<string, Option>>): readonly string[] {
  const spelled = Object.entries(options).flatMap(([name, { bare }]): [string, string][] =>
    bare === undefined ? [] : [[`--${name}`, `--${name}=${bare}`]],
  );
  const meanings = new Map(spelled);
  return argv.map((argument) => meanings.get(argument) ?? argument);
}

/**
 * Refuses what the parser would let pass: an option given twice (it keeps both, or the last), and a value for an option that
 * takes none (it drops it).
 *
 * @throws ChatError USAGE
 */
export function assertOptions(argv: readonly string[], options: Readonly<Record<string, Option>>): void {
  const seen = new Set<string>();
  for (const argument of argv) {
    const [, name = "", equals] = OPTION.exec(argument) ?? [];
    if (!Object.hasOwn(options, name)) continue;
    if (seen.has(name) && options[name]?.many === undefined) throw new ChatError("USAGE", `--${name} is given twice`);
    seen.add(name);
    if (equals && options[name]?.value === undefined) throw new ChatError("USAGE", `--${name} takes no value`);
  }
}
