import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { utf8, utf8Text } from "../../../shared/bytes.ts";
import { ChatError } from "../../../shared/errors.ts";
import { readText } from "../../../shared/text.ts";
import { readSome } from "../stdin.ts";

/** A message of several that are sent together; `line` where it stands in a file. */
export type BatchItem = {
  readonly to: string;
  readonly text: string;
  readonly id?: string;
  readonly expireSeconds?: number;
  readonly line?: number;
};

const MAX_BYTES = 256 * 1024 * 1024;
const MAX_ITEMS = 10_000;
const MAX_WORD_LENGTH = 256;
const MEMBERS = new Set(["to", "text", "id"]);
const ESCAPED = /\\./g;
/** Some editors put one before the text. */
const BYTE_ORDER_MARK = /^\uFEFF/;

/**
 * Reads messages, a JSON object `{to, text, id?}` a line; empty lines are skipped. `-` is standard input. All of it is
 * checked before anything is sent.
 *
 * @throws ChatError USAGE, MESSAGE_NOT_TEXT, MESSAGE_EMPTY, MESSAGE_TOO_LARGE, each with `details.line`; what aborted `signal`
 */
export async function readBatch(file: string, stdin: Readable, signal: AbortSignal): Promise<readonly BatchItem[]> {
  const lines = decode(await readFile(file, stdin, signal)).split("\n");
  const items = lines.flatMap((text, index) => (text.trim() === "" ? [] : [readLine(text, index + 1)]));
  if (items.length <= MAX_ITEMS) return items;
  throw new ChatError("USAGE", `a batch has at most ${MAX_ITEMS} messages; nothing was sent`);
}

async function readFile(file: string, stdin: Readable, signal: AbortSignal): Promise<Buffer> {
  const input = file === "-" ? stdin : createReadStream(file);
  try {
    const bytes = await readSome(input, { enoughBytes: MAX_BYTES, signal });
    if (bytes.length < MAX_BYTES) return bytes;
  } catch (cause) {
    signal.throwIfAborted();
    throw new ChatError("USAGE", `${file} cannot be read`, { cause });
  }
  throw new ChatError("USAGE", "a batch has at most 256 MiB; nothing was sent");
}

function decode(bytes: Buffer): string {
  try {
    return utf8Text(bytes).replace(BYTE_ORDER_MARK, "");
  } catch {
    throw new ChatError("USAGE", "a batch is text in UTF-8; nothing was sent");
  }
}

function readLine(text: string, line: number): BatchItem {
  try {
    const { to, text: message, id } = readObject(text);
    if (!isWord(to) || typeof message !== "string") throw wrong("to and text are wanted, each a string");
    if (id !== undefined && !isWord(id)) throw wrong("id is a string of 1 to 256 characters");
    assertSaidOnce(text, id === undefined ? 2 : 3);
    if (!message.isWellFormed()) throw new ChatError("MESSAGE_NOT_TEXT", "the message is not text; nothing was sent");
    return { to, text: readText(utf8(message)), line, ...(id !== undefined && { id }) };
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
    throw new ChatError(error.code, `line ${line}: ${error.message}`, { details: { line } });
  }
}

function readObject(text: string): Readonly<Record<string, unknown>> {
  const value = parseJson(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong("not a JSON object");
  const unknown = Object.keys(value).find((name) => !MEMBERS.has(name));
  if (unknown !== undefined) throw wrong(`unknown member ${JSON.stringify(unknown)}`);
  return { ...value };
}

/** Of members with one name, a parser keeps the last. Names and values are strings here, so one more has quotes of its own. */
function assertSaidOnce(json: string, members: number): void {
  const quotes = json.replace(ESCAPED, "").split('"').length - 1;
  if (quotes !== 4 * members) throw wrong("a member stands there twice");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw wrong("not a JSON object");
  }
}

function isWord(value: unknown): value is string {
  return typeof value === "string" && value.length >= 1 && value.length <= MAX_WORD_LENGTH;
}

function wrong(message: string): ChatError {
  return new ChatError("USAGE", `${message}; nothing was sent`);
}
