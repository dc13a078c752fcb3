import * as z from "zod";
import { decodeVersioned, encodeCbor } from "./cbor.ts";
import { ChatError } from "./errors.ts";
import { LIMITS, PROTOCOL_VERSION } from "./protocol.ts";

/*
 * What travels on `/p2pchat/punch/1` and `/p2pchat/observed/1`. PROTOCOL.md 4.2.
 */

const v = z.literal(PROTOCOL_VERSION);

const endpoint = z.strictObject({
  host: z.union([z.ipv4(), z.ipv6()]),
  port: z.int().min(1).max(65_535),
});

/** The address and port that a connection comes from, seen from its other end. */
const observed = z.strictObject({ v, type: z.literal("observed"), endpoint });

/**
 * Where the sender's connections come from: one of each IP version at most, none where nobody could be met there.
 * `moved`: not from the port that it listens on, so the next may come from yet another.
 */
const meet = z.strictObject({
  v,
  type: z.literal("meet"),
  endpoints: z.array(endpoint).max(2),
  moved: z.boolean(),
});

/** Dial now: the sender does so half a round trip after this. */
const go = z.strictObject({ v, type: z.literal("go") });

const frameSchema = z.discriminatedUnion("type", [observed, meet, go]);

/** An IP address in its text form and a TCP port. */
export type Endpoint = z.infer<typeof endpoint>;
export type PunchFrame = z.infer<typeof frameSchema>;
export type PunchFrameBody = PunchFrame extends infer One ? (One extends PunchFrame ? Omit<One, "v"> : never) : never;

export function encodePunchFrame(body: PunchFrameBody): Uint8Array {
  return encodeCbor({ v: PROTOCOL_VERSION, ...body });
}

/**
 * Reads a frame, strictly.
 *
 * @throws ChatError FRAME_TOO_LARGE, VERSION_UNSUPPORTED, FRAME_INVALID
 */
export function decodePunchFrame(encoded: Uint8Array): PunchFrame {
  if (encoded.length > LIMITS.punchFrameMaxBytes) {
    throw new ChatError("FRAME_TOO_LARGE", `a frame has at most ${LIMITS.punchFrameMaxBytes} bytes`);
  }
  return decodeVersioned(frameSchema, encoded, "FRAME_INVALID");
}
