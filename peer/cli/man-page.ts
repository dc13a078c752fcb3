import type { Command, Option } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { GLOBAL_OPTIONS } from "./options.ts";

const STATUS = {
  ok: "done; for send: a device of the recipient has it on disk",
  user: "a mistake in what was asked",
  unexpected: "a fault of the program",
  network: "network, server or disk",
  untrusted: "a key changed, or a record is not to be trusted: nothing was sent",
  rateLimited: "too often; try later",
  authentication: "wrong passphrase, or the server does not know this device",
  notDelivered: "safe in the outbox, not delivered yet",
  noSuchName: "no such name",
  privacy: "the privacy that was asked for cannot be had",
  interrupted: "interrupted",
} as const satisfies Record<keyof typeof EXIT, string>;

const FILES = [
  ["~/.local/share/p2pchat/<profile>/", "keys, messages and contacts of a profile; --home or P2PCHAT_HOME moves it"],
  ["~/.config/p2pchat/config.json", "settings; also /etc/p2pchat/config.json, and the file that P2PCHAT_CONFIG names"],
] as const;

/** The manual page in the macros of man(7): the same words as in the help, for those who read it elsewhere. */
export function manPage(
  commands: readonly Command[],
  { version, description }: { readonly version: string; readonly description: string },
): string {
  return [
    `.TH P2PCHAT 1 "" "p2pchat ${text(version)}" "User Commands"`,
    ".SH NAME",
    `p2pchat \\- ${text(description)}`,
    ".SH SYNOPSIS",
    ".B p2pchat",
    "\\fIcommand\\fR [\\fIoptions\\fR]",
    ".SH COMMANDS",
    ...commands.flatMap(describeCommand),
    ".SH OPTIONS",
    "Every command takes these. In brackets: the environment variable that does the same.",
    ...describeOptions(GLOBAL_OPTIONS),
    ".SH EXIT STATUS",
    ...Object.entries(EXIT).flatMap(([name, code]) => item(String(code), STATUS[name as keyof typeof EXIT])),
    ".SH FILES",
    ...FILES.flatMap(([path, what]) => item(path, what)),
    "",
  ].join("\n");
}

function describeCommand({ usage, summary, positionals = {}, options = {}, examples = [] }: Command): string[] {
  return [
    `.SS p2pchat ${text(usage)}`,
    line(`${sentence(summary)}`),
    ...Object.entries(positionals).flatMap(([name, what]) => item(name, what)),
    ...describeOptions(options),
    ...examples.flatMap(([example, does]) => [
      ".PP",
      line(`${sentence(does)}:`),
      ".PP",
      ".nf",
      ".RS",
      line(example),
      ".RE",
      ".fi",
    ]),
  ];
}

function describeOptions(options: Readonly<Record<string, Option>>): string[] {
  return Object.entries(options).flatMap(([name, { describe, value, bare }]) => {
    const tag = bare === undefined ? `--${name} ${value ?? ""}` : `--${name}[=${value}]`;
    return item(tag.trimEnd(), describe);
  });
}

function item(tag: string, what: string): string[] {
  return [".TP", `.B ${text(tag)}`, line(what)];
}

function sentence(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What typesetting would change, by the name of the character that a shell understands. */
const LITERAL: Readonly<Record<string, string>> = {
  "\\": "\\e",
  "-": "\\-",
  "'": "\\(aq",
  "`": "\\(ga",
  "^": "\\(ha",
  "~": "\\(ti",
};

/** Nothing in it is taken for markup, and everything is shown as it is typed. */
function text(words: string): string {
  return words.replace(/[-\\'`^~]|[^\x20-\x7e]/gu, (character) => LITERAL[character] ?? named(character));
}

function named(character: string): string {
  return `\\[u${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`;
}

/** A line that begins with a dot would be a macro. */
function line(words: string): string {
  return text(words).replace(/^\./, "\\&.");
}
