import * as z from "zod";
import { concat } from "./bytes.ts";
import { decodeVersioned, encodeCbor } from "./cbor.ts";
import { LIMITS, PROTOCOL_VERSION } from "./protocol.ts";

/*
 * What travels on `/p2pchat/checkpoint/1`: either side sends one frame, the opener first, and the stream ends.
 * PROTOCOL.md 7.
 */

const frameSchema = z.strictObject({
  v: z.literal(PROTOCOL_VERSION),
  type: z.literal("checkpoints"),
  /** Signed notes: the newest that was verified, and those that prove a fork. */
  notes: z.array(z.string().max(LIMITS.noteMaxBytes)).max(LIMITS.gossipMaxNotes),
});

export function encodeGossip(notes: readonly string[]): Uint8Array {
  return encodeCbor({ v: PROTOCOL_VERSION, type: "checkpoints", notes });
}

/** @throws ChatError FRAME_INVALID, VERSION_UNSUPPORTED */
export function decodeGossip(frame: Uint8Array): readonly string[] {
  return decodeVersioned(frameSchema, frame, "FRAME_INVALID").notes;
}

/** How a message names the log that its sender has seen: size (u64, big-endian) and root. */
export const LOG_CLAIM_BYTES = 40;

export type LogClaim = { readonly size: number; readonly root: Uint8Array };

export function encodeLogClaim({ size, root }: LogClaim): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(size));
  return concat(bytes, root);
}

/** Undefined for what is none. */
export function readLogClaim(bytes: Uint8Array): LogClaim | undefined {
  if (bytes.length !== LOG_CLAIM_BYTES) return undefined;
  const size = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0));
  return Number.isSafeInteger(size) ? { size, root: bytes.slice(8) } : undefined;
}
