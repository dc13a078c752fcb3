import yargs, { type Argv } from "yargs";
import { ChatError } from "../../shared/errors.ts";
import { assertOptions, guardArguments, spellOut } from "./argv.ts";
import type { Args, Command, Option } from "./command.ts";
import { GLOBAL_OPTIONS } from "./options.ts";

export type Parsed =
  /** Help or the version was asked for: the text to print. */
  | { readonly help: string }
  | { readonly command: Command; readonly args: Args; readonly flags: Readonly<Record<string, string | true>> };

type ParseOptions = { readonly commands: readonly Command[]; readonly version: string };

/** Literal names and nothing clever: no `--no-` forms, no camel case, no dots, no numbers, no clustered letters. */
const PARSER = {
  "boolean-negation": false,
  "camel-case-expansion": false,
  "dot-notation": false,
  "parse-numbers": false,
  "parse-positional-numbers": false,
  "short-option-groups": false,
};

const HELP_WIDTH = 100;

/** @throws ChatError USAGE */
export function parseCommandLine(typed: readonly string[], { commands, version }: ParseOptions): Parsed {
  const { argv: guarded, restore } = guardArguments(typed);
  const argv = spellOut(guarded, Object.assign({}, GLOBAL_OPTIONS, ...commands.map(({ options }) => options)));
  const chosen: Chosen = { isHelpWanted: argv.includes("--help") || argv.includes("-h") };
  const parser = yargs()
    .scriptName("p2pchat")
    .usage("$0 <command>\n\nPeer-to-peer, end-to-end encrypted messages, with human names and no message server.")
    .detectLocale(false)
    .parserConfiguration(PARSER)
    .exitProcess(false)
    .wrap(HELP_WIDTH)
    .version(version)
    .help()
    .alias("help", "h")
    .strict()
    .demandCommand(1, 1, "which command?", "one command at a time");
  declareOptions(parser, GLOBAL_OPTIONS, "Everywhere:", chosen);
  for (const command of commands) declareCommand(parser, command, { argv, chosen });

  let help = "";
  let values: Readonly<Record<string, unknown>> = {};
  parser.parse([...argv], {}, (error, parsed, output) => {
    if (error) throw usage(explainWords(parsed, { commands, restore }) ?? error.message);
    help = output;
    values = parsed;
  });
  if (help !== "") return { help: help + (chosen.isHelpWanted ? describeExamples(chosen.explained) : "") };
  const { command } = chosen;
  if (command === undefined) throw usage("which command?");
  const options = { ...GLOBAL_OPTIONS, ...command.options };
  assertOptions(argv, options);
  return { command, args: readArgs(values, restore), flags: readFlags(values, options, restore) };
}

type Typed = Pick<ParseOptions, "commands"> & { readonly restore: (text: string) => string };

/** The two mistakes that are made most often. */
function explainWords(parsed: Readonly<Record<string, unknown>>, { commands, restore }: Typed): string | undefined {
  const [verb, extra] = [parsed["_"] ?? []].flat().map((text) => restore(String(text)));
  if (verb === undefined) return undefined;
  const known = commands.find((command) => command.usage.split(" ")[0] === verb);
  if (known === undefined) return `there is no command ${verb}`;
  // Before every place is taken, the words that are left over have nothing to do with the mistake.
  if (extra === undefined || !known.usage.endsWith(" [message]") || parsed["message"] === undefined) return undefined;
  return `there is no place for ${extra}: put quotes around a text of several words`;
}

/** Without its demands, where an option is given that stands alone. */
function usageFor({ usage, options = {} }: Command, argv: readonly string[]): string {
  const standing = Object.entries(options).filter(([, { standsAlone }]) => standsAlone);
  const isGiven = standing.some(([name]) => argv.some((text) => text.split("=")[0] === `--${name}`));
  return isGiven ? usage.replaceAll(/<(\w+)>/g, "[$1]") : usage;
}

/** The parser lays out the help of whatever it runs, wanted or not; what has no description costs nothing there. */
type Chosen = { command?: Command; explained?: Command; readonly isHelpWanted: boolean };

type Declaring = { readonly argv: readonly string[]; readonly chosen: Chosen };

/** Lines to copy as they are: the parser's own layout would wrap them. */
function describeExamples({ examples = [] }: Partial<Command> = {}): string {
  return examples.length === 0
    ? ""
    : `\n\nExamples:\n${examples.map(([line, does]) => `  # ${does}\n  ${line}`).join("\n\n")}`;
}

function declareCommand(parser: Argv, command: Command, { argv, chosen }: Declaring): void {
  const builder = (own: Argv) => {
    for (const [name, describe] of Object.entries(command.positionals ?? {})) {
      own.positional(name, { type: "string", describe });
    }
    declareOptions(own, command.options ?? {}, "Options:", chosen);
    chosen.explained = command;
    return own;
  };
  const handler = () => {
    chosen.command = command;
  };
  const describe = chosen.isHelpWanted && command.summary;
  parser.command({ command: usageFor(command, argv), describe, builder, handler });
}

function declareOptions(
  parser: Argv,
  options: Readonly<Record<string, Option>>,
  group: string,
  { isHelpWanted }: Chosen,
): void {
  for (const [name, { describe, value }] of Object.entries(options)) {
    const type = value === undefined ? "boolean" : "string";
    const explained = value === undefined ? describe : `${value}: ${describe}`;
    const help = isHelpWanted ? { describe: explained, group } : { hidden: true };
    parser.option(name, { type, requiresArg: value !== undefined, ...help });
  }
}

function readArgs(values: Readonly<Record<string, unknown>>, restore: (text: string) => string): Args {
  const value = (name: string) => {
    const found = values[name];
    return typeof found === "string" ? restore(found) : undefined;
  };
  return {
    value,
    required: (name) => value(name) ?? "",
    values: (name) => [values[name] ?? []].flat().map((text) => restore(String(text))),
    flag: (name) => values[name] === true,
  };
}

function readFlags(
  values: Readonly<Record<string, unknown>>,
  options: Readonly<Record<string, Option>>,
  restore: (text: string) => string,
) {
  const flags: Record<string, string | true> = {};
  for (const name of Object.keys(options)) {
    const value = values[name];
    if (value === "") throw usage(`--${name} needs a value`);
    if (typeof value === "string") flags[name] = restore(value);
    if (value === true) flags[name] = value;
  }
  return flags;
}

function usage(message: string): ChatError {
  return new ChatError("USAGE", message.charAt(0).toLowerCase() + message.slice(1));
}
