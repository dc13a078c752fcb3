import { equalBytes } from "./bytes.ts";
import { ChatError } from "./errors.ts";
import { PADDING_BUCKETS } from "./protocol.ts";

const MARK = 0x80;
const ZEROS = new Uint8Array(64 * 1024);

/** Sizes in rising order, none above 64 KiB. */
export type Buckets = readonly number[];

/**
 * Pads to the next bucket by one byte 0x80 and zeros (ISO/IEC 7816-4), so that sizes say little.
 *
 * @throws ChatError MESSAGE_TOO_LARGE when no bucket holds the content and its mark
 */
export function pad(content: Uint8Array, buckets: Buckets = PADDING_BUCKETS): Uint8Array {
  const bucket = buckets.find((size) => content.length < size);
  if (bucket === undefined) {
    throw new ChatError("MESSAGE_TOO_LARGE", `${content.length} bytes do not fit in ${(buckets.at(-1) ?? 0) - 1}`);
  }
  const padded = new Uint8Array(bucket);
  padded.set(content);
  padded[content.length] = MARK;
  return padded;
}

/**
 * Takes off the padding; only the smallest bucket that fits is accepted, so that each content has one padded form.
 *
 * @throws ChatError ENVELOPE_INVALID with reason `padding`
 */
export function unpad(padded: Uint8Array, buckets: Buckets = PADDING_BUCKETS): Uint8Array {
  const end = padded.lastIndexOf(MARK);
  const bucket = buckets.find((size) => end < size);
  const isWhole = end >= 0 && bucket === padded.length;
  if (!isWhole || !equalBytes(padded.subarray(end + 1), ZEROS.subarray(end + 1, padded.length))) {
    throw new ChatError("ENVELOPE_INVALID", "the padding is not well formed", { reason: "padding" });
  }
  return padded.subarray(0, end);
}
