import { parseArgs } from "node:util";
import { ChatError } from "../shared/errors.ts";
import { type Config, flagOf, readConfig, SETTINGS } from "./config.ts";

export type Command =
  | { readonly run: "help" }
  | { readonly run: "version" }
  | { readonly run: "serve"; readonly config: Config }
  | { readonly run: "invite"; readonly config: Config; readonly uses: number; readonly lifetimeSeconds: number }
  | { readonly run: "backup"; readonly config: Config; readonly file: string }
  | { readonly run: "restore"; readonly config: Config; readonly file: string; readonly force: boolean }
  | { readonly run: "restored"; readonly config: Config }
  | { readonly run: "migrate-store"; readonly from: string; readonly to: string };

/** What it can do besides serving. */
export const VERBS: readonly Command["run"][] = ["invite", "backup", "restore", "restored", "migrate-store"];

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_INVITE = { uses: "1", expires: "7d" };
const UNIT_SECONDS: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400 };
const MAX_USES = 1_000_000;

const option = (flag: string, variable: string, description: string) =>
  `  --${flag.padEnd(20)}${variable.padEnd(20)}${description}`;

export const USAGE = `Usage: p2pchat-naming-server [options]
       p2pchat-naming-server invite [--uses N] [--expires 7d]
       p2pchat-naming-server backup FILE
       p2pchat-naming-server restore FILE [--force]
       p2pchat-naming-server restored
       p2pchat-naming-server migrate-store --from sqlite:FILE --to postgres://...

Maps usernames to signed keys and addresses. Each option may also come from the environment.

${SETTINGS.map(({ variable, description }) => option(flagOf(variable), variable, description)).join("\n")}
${option("uses", "", `invite: how many names the code is good for (${DEFAULT_INVITE.uses})`)}
${option("expires", "", `invite: for how long, in minutes, hours or days: 30m, 12h, 7d (${DEFAULT_INVITE.expires})`)}
${option("force", "", "restore: put the database that is there aside")}
${option("from", "", "migrate-store: the database that is there, sqlite:FILE")}
${option("to", "", "migrate-store: an empty one, postgres://... (its password may come from PGPASSWORD)")}
${option("help", "", "show this text")}
${option("version", "", "show the version")}
`;

/**
 * Reads flags and environment; a flag wins, and an empty variable counts as unset.
 *
 * @throws ChatError CONFIG_INVALID with a message of one line
 */
export function readCommand(args: readonly string[], env: Environment): Command {
  const { values, positionals } = parse(args);
  if (values["help"] === true) return { run: "help" };
  if (values["version"] === true) return { run: "version" };
  const [verb = "serve", ...operands] = positionals;
  const { command, takes } = commandOf(verb, { values, operands, config: () => readConfig(values, env) });
  const stray = Object.keys(values).find((flag) => flag in OWN_OPTIONS && !takes.includes(flag));
  if (stray !== undefined) throw invalid(`--${stray} says nothing to ${verb}`);
  return command;
}

type Typed = {
  readonly values: Readonly<Record<string, unknown>>;
  readonly operands: readonly string[];
  readonly config: () => Config;
};

/** `takes`: its own options. */
function commandOf(verb: string, typed: Typed): { command: Command; takes: readonly string[] } {
  const { values } = typed;
  if (verb === "serve") return { command: { run: verb, config: without(typed) }, takes: [] };
  if (verb === "invite") {
    const uses = readUses(String(values["uses"] ?? DEFAULT_INVITE.uses));
    const lifetimeSeconds = readDuration(String(values["expires"] ?? DEFAULT_INVITE.expires));
    return { command: { run: verb, uses, lifetimeSeconds, config: without(typed) }, takes: ["uses", "expires"] };
  }
  if (verb === "restored") return { command: { run: verb, config: without(typed) }, takes: [] };
  if (verb === "backup") return { command: { run: verb, ...withFile(verb, typed) }, takes: [] };
  if (verb === "restore") {
    return { command: { run: verb, ...withFile(verb, typed), force: values["force"] === true }, takes: ["force"] };
  }
  if (verb === "migrate-store") return { command: { run: verb, ...fromAndTo(typed) }, takes: ["from", "to"] };
  throw invalid(`there is no command ${verb}; see --help`);
}

function without({ operands, config }: Typed): Config {
  if (operands.length > 0) throw invalid(`Unexpected argument '${operands[0]}'`);
  return config();
}

function withFile(verb: string, { operands, config }: Typed): { file: string; config: Config } {
  const [file, ...more] = operands;
  if (file === undefined || more.length > 0) throw invalid(`${verb} takes one file`);
  return { file, config: config() };
}

function fromAndTo({ operands, values }: Typed): { from: string; to: string } {
  const { from, to } = values;
  if (operands.length === 0 && typeof from === "string" && typeof to === "string") return { from, to };
  throw invalid("migrate-store takes --from sqlite:FILE and --to postgres://...");
}

const OWN_OPTIONS = {
  uses: { type: "string" },
  expires: { type: "string" },
  force: { type: "boolean" },
  from: { type: "string" },
  to: { type: "string" },
} as const;

function parse(args: readonly string[]): Pick<Typed, "values"> & { readonly positionals: readonly string[] } {
  const settings = SETTINGS.map(({ variable }) => [flagOf(variable), { type: "string" }] as const);
  const switches = ["help", "version"].map((name) => [name, { type: "boolean" }] as const);
  const options = { ...Object.fromEntries([...settings, ...switches]), ...OWN_OPTIONS };
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message.replaceAll(/\s+/g, " ") : "unreadable arguments", cause);
  }
}

function readUses(text: string): number {
  const uses = Number(text);
  if (/^[1-9]\d*$/.test(text) && uses <= MAX_USES) return uses;
  throw invalid(`--uses takes a number from 1 to ${MAX_USES}`);
}

function readDuration(text: string): number {
  const [, amount, unit = ""] = /^([1-9]\d{0,4})([mhd])$/.exec(text) ?? [];
  const seconds = Number(amount) * (UNIT_SECONDS[unit] ?? Number.NaN);
  if (seconds > 0) return seconds;
  throw invalid("--expires takes minutes, hours or days, such as 30m, 12h or 7d");
}

function invalid(message: string, cause?: unknown): ChatError {
  return new ChatError("CONFIG_INVALID", message, { cause });
}
