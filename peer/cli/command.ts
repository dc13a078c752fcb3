import type { CliContext } from "./context.ts";
import type { ExitCode } from "./exit-codes.ts";

export type Option = {
  readonly describe: string;
  /** What its value is called in the help; an option without takes no value. */
  readonly value?: string;
  /** What it means without a value; another one is joined to it by `=`. */
  readonly bare?: string;
  /** May be given several times: `Args.values`. */
  readonly many?: true;
  readonly completes?: Completes;
  /** With it, the positionals that the usage line requires may be missing. */
  readonly standsAlone?: true;
};

/** What only a daemon can tell: names of contacts and tokens, ids of messages. */
export type Told = "contact" | "token" | "message" | "own-message" | "waiting-message";

/** What a shell offers in a place: what a daemon tells, files, directories, or these words. */
export type Completes = Told | "file" | "directory" | readonly string[];

/** What was typed, as text: numbers, durations and times are read by the command. */
export interface Args {
  /** A positional, or the value of an option. */
  value(name: string): string | undefined;
  /** A positional that the usage line requires. */
  required(name: string): string;
  /** The positional `[name..]`, or an option that may be given several times. */
  values(name: string): readonly string[];
  flag(name: string): boolean;
}

/** One command: what the help says, what may be typed, what it does. */
export type Command = {
  /** The name, then `<required>`, `[optional]` and `[repeated..]` positionals. */
  readonly usage: string;
  readonly summary: string;
  readonly positionals?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, Option>>;
  /** By positional. */
  readonly completes?: Readonly<Record<string, Completes>>;
  /** A line for a shell, and what it does. */
  readonly examples?: readonly (readonly [line: string, does: string])[];
  run(args: Args, context: CliContext): Promise<ExitCode>;
};
