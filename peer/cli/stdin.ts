import type { Readable } from "node:stream";
import { LIMITS } from "../../shared/protocol.ts";
import { readText } from "../../shared/text.ts";

/** One byte more than fits, newline included, tells that it does not fit. */
const ENOUGH_BYTES = LIMITS.textMaxBytes + "\r\n".length + 1;

/**
 * Reads a message from standard input, no further than a message can be long. One newline at the end is the pipe's or
 * the editor's, not the message's.
 *
 * @throws ChatError MESSAGE_NOT_TEXT, MESSAGE_EMPTY, MESSAGE_TOO_LARGE; what aborted `signal`
 */
export async function readMessage(stdin: Readable, signal: AbortSignal): Promise<string> {
  return readText(withoutNewline(await readSome(stdin, { enoughBytes: ENOUGH_BYTES, signal })));
}

/** All of it, or at least `enoughBytes`. */
export async function readSome(
  input: Readable,
  { enoughBytes, signal }: { enoughBytes: number; signal: AbortSignal },
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  const interrupt = () => input.destroy(signal.reason);
  signal.addEventListener("abort", interrupt, { once: true });
  try {
    signal.throwIfAborted();
    for await (const chunk of input) {
      chunks.push(Buffer.from(chunk));
      length += chunk.length;
      if (length >= enoughBytes) break;
    }
  } finally {
    signal.removeEventListener("abort", interrupt);
  }
  return Buffer.concat(chunks);
}

function withoutNewline(bytes: Buffer): Uint8Array {
  if (bytes.at(-1) !== 0x0a) return bytes;
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1);
}
