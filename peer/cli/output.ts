import type { Writable } from "node:stream";
import { ChatError } from "../../shared/errors.ts";
import { ADVICE } from "./advice.ts";
import type { Terminal } from "./context.ts";
import { visibleJson, visibleReason } from "./visible-text.ts";

const JSON_VERSION = 1;

/** What a command came to: members for programs, text for people. */
export type Result = {
  readonly type: string;
  /** Without `v` and `type`. */
  readonly fields: object;
  /** Lines for people; text from others in it has been made visible. */
  readonly text: string;
};

/** Results go to stdout, talk to stderr. */
export interface Output {
  readonly json: boolean;
  /** What stdout could not take, though somebody wants it: a full disk, not a reader that has left. */
  readonly lost: ChatError | undefined;
  /** False once nobody reads stdout any more. */
  print(result: Result): Promise<boolean>;
  /** Talk beside the result. */
  note(text: string): void;
  /** @param about  which of several things it is about, for programs and for people */
  error(error: ChatError, about?: { readonly fields: object; readonly text: string }): Promise<void>;
  /** What goes on, in a line that the next one replaces; on a terminal only. */
  progress(text: string): void;
  /** Marks text that should stand out, on a terminal. */
  strong(text: string): string;
}

type OutputOptions = { readonly json: boolean; readonly quiet: boolean };

export function createOutput(terminal: Pick<Terminal, "stdout" | "stderr" | "env">, options: OutputOptions): Output {
  const { stdout, stderr, env } = terminal;
  const colour = stdout.isTTY === true && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  // A closed pipe shows where it matters, in the callback of the write.
  for (const stream of [stdout, stderr]) stream.on("error", () => undefined);
  let lost: ChatError | undefined;
  const printText = async (text: string) => {
    const fault = await write(stdout, text);
    lost ??= lossOf(fault);
    return fault === undefined;
  };
  return {
    json: options.json,
    get lost() {
      return lost;
    },
    print: ({ type, fields, text }) => printText(options.json ? jsonLine(type, fields) : ended(text)),
    note: (text) => void (options.quiet || stderr.write(`${text}\n`)),
    error: async (error, about = { fields: {}, text: "" }) => {
      if (options.json) await printText(jsonLine("error", { ...errorFields(error), ...about.fields }));
      if (!options.json || lost !== undefined) await write(stderr, describeError(error, about.text));
    },
    progress(text) {
      if (stderr.isTTY === true && !options.quiet) stderr.write(`\r\x1b[K${text}`);
    },
    strong: (text) => (colour ? `\x1b[1m${text}\x1b[22m` : text),
  };
}

/** An object as programs are told it: one line, harmless for a terminal. */
export function jsonLine(type: string, fields: object): string {
  return `${visibleJson({ v: JSON_VERSION, type, ...fields })}\n`;
}

function ended(text: string): string {
  return text === "" ? "" : `${text}\n`;
}

/** Resolves once the kernel has the text, or with the reason why it has not. */
function write(stream: Writable, text: string): Promise<Error | undefined> {
  return new Promise((resolve) => stream.write(text, (error) => resolve(error ?? undefined)));
}

const FULL_OR_BROKEN: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", "EFBIG", "EIO"]);

function lossOf(fault: NodeJS.ErrnoException | undefined): ChatError | undefined {
  if (!FULL_OR_BROKEN.has(fault?.code)) return undefined;
  return new ChatError("STORAGE", `the result cannot be written: ${fault?.message}`, { cause: fault });
}

function errorFields({ code, message, reason, details }: ChatError): object {
  return { code, message, ...(reason !== undefined && { reason }), ...(details !== undefined && { details }) };
}

/** What happened, what is safe, what to do. */
function describeError(error: ChatError, about: string): string {
  const facts = [
    `p2pchat: ${about}${visibleReason(error.message)}`,
    ...fingerprints(error.details),
    ADVICE[error.code],
  ];
  return `${facts.filter((fact) => fact !== undefined).join("\n")}\n`;
}

function fingerprints(details: ChatError["details"]): string[] {
  const shown = [
    ["  pinned:", details?.["oldFingerprint"]],
    ["  now:   ", details?.["newFingerprint"]],
  ];
  return shown.flatMap(([label, value]) => (typeof value === "string" ? [`${label} ${visibleReason(value)}`] : []));
}
