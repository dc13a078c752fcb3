import { spawn } from "node:child_process";
import { open } from "node:fs/promises";
import { addAbortSignal } from "node:stream";
import { utf8Text } from "../../shared/bytes.ts";
import { ChatError } from "../../shared/errors.ts";
import { promptOnTerminal } from "./terminal-prompt.ts";

/** Where a passphrase may come from; its text itself is never an argument or an environment variable's value. */
export type PassphraseOptions = {
  /** `--passphrase-file` */
  readonly file?: string | undefined;
  /** `--passphrase-command` */
  readonly command?: string | undefined;
  /** `P2PCHAT_PASSPHRASE_FILE`: gives way to either flag. */
  readonly environmentFile?: string | undefined;
  readonly signal?: AbortSignal | undefined;
};

const MAX_BYTES = 1024;
const COMMAND_TIMEOUT_MS = 10_000;

/**
 * The passphrase of an existing keystore.
 *
 * @throws ChatError PASSPHRASE_REQUIRED (no source, or it gives nothing), USAGE, INTERRUPTED
 */
export async function askPassphrase(options: PassphraseOptions): Promise<string> {
  return (await fromSource(options)) ?? (await promptOnTerminal("Passphrase: ", options.signal));
}

/** A passphrase for new keys; typed ones are asked for twice. @throws as `askPassphrase` */
export async function askNewPassphrase(options: PassphraseOptions): Promise<string> {
  const given = await fromSource(options);
  if (given !== undefined) return given;
  const typed = await promptOnTerminal("New passphrase: ", options.signal);
  const repeated = await promptOnTerminal("The same again: ", options.signal);
  if (typed !== repeated) throw new ChatError("USAGE", "the two passphrases differ", { reason: "differ" });
  return typed;
}

async function fromSource({ file, command, environmentFile, signal }: PassphraseOptions): Promise<string | undefined> {
  if (file !== undefined && command !== undefined) {
    throw new ChatError("USAGE", "--passphrase-file and --passphrase-command exclude each other");
  }
  if (command !== undefined) return onlyLine(await outputOf(command, signal), "--passphrase-command");
  const path = file ?? environmentFile;
  return path === undefined ? undefined : onlyLine(await readCapped(path), "the passphrase file");
}

/** One trailing newline is the editor's, not the passphrase's. */
function onlyLine(bytes: Uint8Array, source: string): string {
  if (bytes.length > MAX_BYTES) throw new ChatError("USAGE", `${source} gives more than ${MAX_BYTES} bytes`);
  const line = textOf(bytes, source).replace(/\r?\n$/, "");
  if (/[\r\n]/.test(line)) throw new ChatError("USAGE", `${source} gives more than one line`);
  if (line === "") throw new ChatError("PASSPHRASE_REQUIRED", `${source} gives an empty passphrase`);
  return line;
}

function textOf(bytes: Uint8Array, source: string): string {
  try {
    return utf8Text(bytes);
  } catch {
    throw new ChatError("USAGE", `${source} gives something that is not UTF-8 text`);
  }
}

/** Reads one byte past the limit at most: the path may be a pipe or a device. */
async function readCapped(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path, "r");
    const stream = file.createReadStream({ highWaterMark: MAX_BYTES + 1 });
    return await collect(stream);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : "";
    throw new ChatError("PASSPHRASE_REQUIRED", `the passphrase file cannot be read${code}`, { reason: "file", cause });
  }
}

/** Leaving the loop destroys the stream, and with it the descriptor. */
async function collect(stream: AsyncIterable<Buffer>): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_BYTES) break;
  }
  return Buffer.concat(chunks);
}

/** What the user's own command line prints; its stdin is closed, since ours may carry the message. */
async function outputOf(command: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const limit = AbortSignal.timeout(COMMAND_TIMEOUT_MS);
  const ended = signal === undefined ? limit : AbortSignal.any([limit, signal]);
  const child = spawn("/bin/sh", ["-c", command], { stdio: ["ignore", "pipe", "inherit"], signal: ended });
  const exit = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  try {
    const [output, status] = await Promise.all([collect(addAbortSignal(ended, child.stdout)), exit]);
    if (status === 0 || output.length > MAX_BYTES) return output;
    throw new Error(`it ended with status ${status}`);
  } catch (cause) {
    if (signal?.aborted) throw new ChatError("INTERRUPTED", "interrupted", { cause });
    const why = limit.aborted ? "took longer than 10 s" : "failed";
    throw new ChatError("PASSPHRASE_REQUIRED", `--passphrase-command ${why}`, { reason: "command", cause });
  }
}
