import { equalBytes } from "./bytes.ts";
import { ChatError } from "./errors.ts";
import { PADDING_BUCKETS } from "./protocol.ts";

const MARK = 0x80;
const LARGEST = PADDING_BUCKETS[PADDING_BUCKETS.length - 1] ?? 0;
const ZEROS = new Uint8Array(LARGEST);

/**
 * Pads to the next bucket by one byte 0x80 and zeros (ISO/IEC 7816-4), so that sizes say little.
 *
 * @throws ChatError MESSAGE_TOO_LARGE when no bucket holds the content and its mark
 */
export function pad(content: Uint8Array): Uint8Array {
  const bucket = PADDING_BUCKETS.find((size) => content.length < size);
  if (bucket === undefined) {
    throw new ChatError("MESSAGE_TOO_LARGE", `${content.length} bytes do not fit in ${LARGEST - 1}`);
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
export function unpad(padded: Uint8Array): Uint8Array {
  const end = padded.lastIndexOf(MARK);
  const bucket = PADDING_BUCKETS.find((size) => end < size);
  const isWhole = end >= 0 && bucket === padded.length;
  if (!isWhole || !equalBytes(padded.subarray(end + 1), ZEROS.subarray(end + 1, padded.length))) {
    throw new ChatError("ENVELOPE_INVALID", "the padding is not well formed", { reason: "padding" });
  }
  return padded.subarray(0, end);
}
