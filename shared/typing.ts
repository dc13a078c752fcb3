import * as z from "zod";
import { decodeVersioned, encodeCbor } from "./cbor.ts";
import { PROTOCOL_VERSION } from "./protocol.ts";

/*
 * What travels on `/p2pchat/typing/1`: the opener sends one frame and ends the stream; nothing is answered. PROTOCOL.md 5.5.
 */

const frameSchema = z.strictObject({ v: z.literal(PROTOCOL_VERSION), type: z.literal("typing") });

export function encodeTyping(): Uint8Array {
  return encodeCbor({ v: PROTOCOL_VERSION, type: "typing" });
}

/** @throws ChatError FRAME_INVALID, VERSION_UNSUPPORTED */
export function assertTyping(frame: Uint8Array): void {
  decodeVersioned(frameSchema, frame, "FRAME_INVALID");
}
