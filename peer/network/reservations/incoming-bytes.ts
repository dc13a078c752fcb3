import type { Stream, StreamCloseEvent, StreamMessageEvent } from "@libp2p/interface";
import { concat } from "../../../shared/bytes.ts";
import { type Found, nonsense } from "./circuit-messages.ts";

/** More than any message of a relay. */
const MAX_BYTES = 16 * 1024;

/** What comes in on a stream, taken piece by piece; whoever listens next gets the rest. */
export class IncomingBytes implements Disposable {
  readonly #stream: Stream;
  readonly #signal: AbortSignal;
  #bytes = new Uint8Array();
  #wake = () => {};
  /** Why nothing more comes. */
  #end: { readonly reason: unknown } | undefined;

  constructor(stream: Stream, signal: AbortSignal) {
    this.#stream = stream;
    this.#signal = signal;
    signal.throwIfAborted();
    stream.addEventListener("message", this.#onMessage);
    stream.addEventListener("close", this.#onClose);
    signal.addEventListener("abort", this.#onAbort);
    if (stream.status !== "open") this.#onEnd(nonsense());
  }

  /** What `read` finds at the front, once it does. @throws what it throws, the signal's reason, why the stream ended */
  async take<T>(read: (bytes: Uint8Array) => Found<T> | undefined): Promise<T> {
    for (;;) {
      const found = read(this.#bytes);
      if (found !== undefined) {
        this.#bytes = this.#bytes.slice(found.end);
        return found.value;
      }
      if (this.#end !== undefined) throw this.#end.reason;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Listens no more. */
  [Symbol.dispose](): void {
    this.#stream.removeEventListener("message", this.#onMessage);
    this.#stream.removeEventListener("close", this.#onClose);
    this.#signal.removeEventListener("abort", this.#onAbort);
  }

  /** Puts back what was taken, and all behind it. */
  putBack(taken: Uint8Array): void {
    this[Symbol.dispose]();
    this.#stream.unshift(concat(taken, this.#bytes));
  }

  readonly #onMessage = ({ data }: StreamMessageEvent) => {
    this.#bytes = concat(this.#bytes, data.subarray());
    if (this.#bytes.length > MAX_BYTES) this.#onEnd(nonsense());
    this.#wake();
  };

  readonly #onClose = ({ error }: StreamCloseEvent) => this.#onEnd(error ?? nonsense());

  readonly #onAbort = () => this.#onEnd(this.#signal.reason);

  #onEnd(reason: unknown): void {
    this.#end ??= { reason };
    this.#wake();
  }
}

/** Exactly so many bytes. */
export function exactly(length: number): (bytes: Uint8Array) => Found<Uint8Array> | undefined {
  return (bytes) => (bytes.length < length ? undefined : { value: bytes.subarray(0, length), end: length });
}
