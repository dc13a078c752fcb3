import { ChatError } from "../../../shared/errors.ts";

/*
 * A frame on a stream is a length (u32, big-endian, 1 to `maxBytes`) and that many bytes. The codec of what is inside
 * lives in shared/.
 */

const PREFIX_BYTES = 4;

/**
 * One buffer for all frames, so that they leave in one write.
 *
 * @throws ChatError FRAME_TOO_LARGE, FRAME_INVALID for an empty one
 */
export function encodeFrames(frames: readonly Uint8Array[], maxBytes: number): Uint8Array {
  let total = 0;
  for (const frame of frames) {
    assertLength(frame.length, maxBytes);
    total += PREFIX_BYTES + frame.length;
  }
  const bytes = Buffer.allocUnsafeSlow(total);
  let offset = 0;
  for (const frame of frames) {
    offset = bytes.writeUInt32BE(frame.length, offset);
    bytes.set(frame, offset);
    offset += frame.length;
  }
  return bytes;
}

/** Takes a stream's bytes in whatever pieces they come and gives back frames. */
export class FrameParser {
  readonly #maxBytes: number;
  readonly #prefix = new Uint8Array(PREFIX_BYTES);
  #prefixFilled = 0;
  #body: Uint8Array | undefined;
  #bodyFilled = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** A frame has begun and is not complete. */
  get partial(): boolean {
    return this.#prefixFilled > 0 || this.#body !== undefined;
  }

  /**
   * Appends the frames that `chunk` completes to `frames`; those that precede a violation are there too. A frame that
   * lies whole in `chunk` is a view of it, not a copy.
   *
   * @throws ChatError FRAME_TOO_LARGE, FRAME_INVALID; the stream cannot be read on after that
   */
  push(chunk: Uint8Array, frames: Uint8Array[]): void {
    let offset = 0;
    while (offset < chunk.length) {
      offset =
        this.#body === undefined ? this.#readPrefix(chunk, offset, frames) : this.#fillBody(chunk, offset, frames);
    }
  }

  #readPrefix(chunk: Uint8Array, start: number, frames: Uint8Array[]): number {
    const end = Math.min(chunk.length, start + PREFIX_BYTES - this.#prefixFilled);
    this.#prefix.set(chunk.subarray(start, end), this.#prefixFilled);
    this.#prefixFilled += end - start;
    if (this.#prefixFilled < PREFIX_BYTES) return end;
    const length = uint32(this.#prefix);
    assertLength(length, this.#maxBytes);
    this.#prefixFilled = 0;
    if (chunk.length - end >= length) {
      // not subarray(): of a Buffer it makes a Buffer, whose slice() means something else
      frames.push(new Uint8Array(chunk.buffer, chunk.byteOffset + end, length));
      return end + length;
    }
    this.#body = new Uint8Array(length);
    this.#bodyFilled = 0;
    return end;
  }

  #fillBody(chunk: Uint8Array, start: number, frames: Uint8Array[]): number {
    const body = this.#body;
    if (body === undefined) return start;
    const end = Math.min(chunk.length, start + body.length - this.#bodyFilled);
    body.set(chunk.subarray(start, end), this.#bodyFilled);
    this.#bodyFilled += end - start;
    if (this.#bodyFilled === body.length) {
      frames.push(body);
      this.#body = undefined;
    }
    return end;
  }
}

function uint32(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, PREFIX_BYTES).getUint32(0);
}

/** Stands before every allocation. */
function assertLength(length: number, maxBytes: number): void {
  if (length === 0) throw new ChatError("FRAME_INVALID", "a frame of no bytes");
  if (length > maxBytes) throw new ChatError("FRAME_TOO_LARGE", `a frame of ${length} bytes; the limit is ${maxBytes}`);
}
