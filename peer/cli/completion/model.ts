import type { Command, Completes, Option, Told } from "../command.ts";

/** What can be typed, in the form that every shell's script is made of. */
export type CompletionModel = {
  readonly commands: readonly CompletedCommand[];
  readonly globals: readonly CompletedOption[];
  /** Options with a value, of whatever command: the word behind one is no positional. */
  readonly valued: readonly string[];
};

export type CompletedCommand = {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly CompletedOption[];
  /** By place, from 0. */
  readonly positionals: readonly (Completes | undefined)[];
};

export type CompletedOption = {
  /** With its dashes. */
  readonly flag: string;
  readonly describe: string;
  /** The next word is its value; one that may stand alone has its value behind `=`. */
  readonly hasValue: boolean;
  readonly completes: Completes | undefined;
};

/** What every command takes beside its own options, and the parser itself declares. */
const HELP: CompletedOption = { flag: "--help", describe: "show help", hasValue: false, completes: undefined };

export function completionModel(
  commands: readonly Command[],
  globals: Readonly<Record<string, Option>>,
): CompletionModel {
  const completed = commands.map(completeCommand);
  const everywhere = [...completeOptions(globals), HELP];
  const all = [...everywhere, ...completed.flatMap(({ options }) => options)];
  return {
    commands: completed,
    globals: everywhere,
    valued: [...new Set(all.filter(({ hasValue }) => hasValue).map(({ flag }) => flag))],
  };
}

function completeCommand({ usage, summary, options = {}, completes = {} }: Command): CompletedCommand {
  const [name = "", ...positionals] = usage.split(" ");
  return {
    name,
    summary,
    options: completeOptions(options),
    positionals: positionals.map((positional) => completes[positional.replace(/[<>[\].]/g, "")]),
  };
}

function completeOptions(options: Readonly<Record<string, Option>>): readonly CompletedOption[] {
  return Object.entries(options).map(([name, { describe, value, bare, completes }]) => {
    return { flag: `--${name}`, describe, hasValue: value !== undefined && bare === undefined, completes };
  });
}

/** The scripts ask `p2pchat completion` for it by that word. */
export function isTold(completes: Completes): completes is Told {
  return typeof completes === "string" && completes !== "file" && completes !== "directory";
}

/** Text between single quotes; each shell has its own way to write an apostrophe there, so it becomes another one. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "’")}'`;
}
