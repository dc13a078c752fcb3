import { utf8Text } from "../../shared/bytes.ts";
import { ChatError } from "../../shared/errors.ts";

/** A server-sent event; `id` is the last that any event so far had. */
export type ServerEvent = { readonly event: string; readonly data: string; readonly id: string | undefined };

const NEWLINE = 0x0a;
const MAX_ID_LENGTH = 64;

/**
 * Cuts a stream of bytes into server-sent events (HTML Living Standard 9.2.6), with lines that end in LF or CR LF. Holds no
 * more than one event of at most `maxBytes`.
 */
export class EventReader {
  readonly #maxBytes: number;
  #parts: Uint8Array[] = [];
  /** Of the event that is not whole yet. */
  #length = 0;
  #event = "";
  #data: string[] = [];
  #id: string | undefined;
  #retryMs: number | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** How long the server wants its clients to wait before they come again. */
  get retryMs(): number | undefined {
    return this.#retryMs;
  }

  /**
   * The events that this chunk completes.
   *
   * @throws ChatError SERVER_ERROR with reason `size` or `body`
   */
  *read(chunk: Uint8Array): Generator<ServerEvent> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#keep(chunk.subarray(start, end + 1));
      start = end + 1;
      const line = this.#takeLine();
      if (line !== "") this.#readField(line);
      else if (this.#data.length > 0) yield this.#takeEvent();
      else this.#begin();
    }
    this.#keep(chunk.subarray(start));
  }

  #keep(part: Uint8Array): void {
    this.#length += part.length;
    if (this.#length > this.#maxBytes) throw nonsense("size");
    if (part.length > 0) this.#parts.push(part);
  }

  #takeLine(): string {
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    try {
      return utf8Text(bytes.subarray(0, -1)).replace(/\r$/, "");
    } catch (cause) {
      throw nonsense("body", cause);
    }
  }

  #readField(line: string): void {
    const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === "event") this.#event = value;
    if (field === "data") this.#data.push(value);
    if (field === "id" && value.length <= MAX_ID_LENGTH && /^[\x21-\x7e]*$/.test(value)) this.#id = value;
    if (field === "retry" && /^\d{1,9}$/.test(value)) this.#retryMs = Number(value);
  }

  #takeEvent(): ServerEvent {
    const event = { event: this.#event, data: this.#data.join("\n"), id: this.#id };
    this.#begin();
    return event;
  }

  #begin(): void {
    this.#length = 0;
    this.#event = "";
    this.#data = [];
  }
}

function nonsense(reason: "size" | "body", cause?: unknown): ChatError {
  return new ChatError("SERVER_ERROR", "the naming server's events make no sense", { reason, cause });
}
