import { utf8Text } from "../../shared/bytes.ts";
import { ChatError, isErrorCode } from "../../shared/errors.ts";

/*
 * JSON-RPC 2.0, one message a line. PROTOCOL of the control socket: the server greets with the notification `hello`;
 * each method of Operations is a method; `subscribe` makes the server send notifications `event`, `watchPresence`
 * notifications `presence`. `consume` begins to read under a name whose place is kept: then `nextEvent` waits for one event,
 * and `acknowledge` moves the place.
 */

export const CONTROL_VERSION = 1;

/** Codes that JSON-RPC defines, and the one for all that a method itself reports. */
export const RPC_ERROR = {
  parse: -32_700,
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  invalidParams: -32_602,
  failed: -32_000,
} as const;

export type RpcId = string | number | null;

export function encodeLine(message: object): string {
  return `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`;
}

/** The error member that carries a ChatError across. */
export function encodeError(error: ChatError, code: number = RPC_ERROR.failed): object {
  const { message, reason, details } = error;
  return { code, message, data: { code: error.code, reason, details } };
}

/** The way back; what is not of that shape is INTERNAL. */
export function decodeError(error: unknown): ChatError {
  if (!isObject(error) || !isObject(error["data"])) return new ChatError("INTERNAL", "the daemon gave no reason");
  const { code, reason, details } = error["data"];
  return new ChatError(typeof code === "string" && isErrorCode(code) ? code : "INTERNAL", String(error["message"]), {
    ...(typeof reason === "string" && { reason }),
    ...(isObject(details) && { details }),
  });
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Cuts a stream of bytes into messages; holds no more than one line of at most `maxBytes`. */
export class LineReader {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * The messages that this chunk completes.
   *
   * @throws ChatError REQUEST_INVALID with reason `length` or `json`
   */
  *read(chunk: Buffer): Generator<unknown> {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, start)) {
      this.#keep(chunk.subarray(start, end));
      start = end + 1;
      yield parse(this.#take());
    }
    this.#keep(chunk.subarray(start));
  }

  #keep(part: Buffer): void {
    this.#length += part.length;
    if (this.#length > this.#maxBytes) {
      throw new ChatError("REQUEST_INVALID", `a line has at most ${this.#maxBytes} bytes`, { reason: "length" });
    }
    if (part.length > 0) this.#parts.push(part);
  }

  #take(): Buffer {
    const line = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#length = 0;
    return line;
  }
}

function parse(line: Buffer): unknown {
  try {
    return JSON.parse(utf8Text(line));
  } catch (cause) {
    throw new ChatError("REQUEST_INVALID", "a line is not JSON", { reason: "json", cause });
  }
}
