import * as z from "zod";
import { decodeVersioned, encodeCbor } from "./cbor.ts";
import { ED25519 } from "./ed25519.ts";
import { ChatError, ERROR_CODES } from "./errors.ts";
import { LIMITS, PROTOCOL_VERSION } from "./protocol.ts";
import { bytes, bytesOf, sequence, usernameSchema } from "./schemas.ts";

/*
 * What travels on `/p2pchat/message/1`, and in parcels. The side that opened the stream sends `hello`, `prove`, `grant`,
 * `open`, `commit` and `message`; the other answers with the rest. PROTOCOL.md 4.
 */

const v = z.literal(PROTOCOL_VERSION);
const sessionId = bytesOf(32);
const envelopeId = bytesOf(32);
const recipientDevice = bytesOf(ED25519.publicKeyBytes);

/** The first frame of either side. `stored`: the highest sequence stored of each of the other's conversations. */
const hello = z.strictObject({
  v,
  type: z.literal("hello"),
  incarnation: bytesOf(16),
  stored: z
    .array(z.strictObject({ incarnation: bytesOf(16), conversation: bytesOf(32), seq: sequence }))
    .max(LIMITS.helloMaxMarks),
});

/** Asks for proof of what `hello` said is stored of this device's messages. */
const prove = z.strictObject({ v, type: z.literal("prove"), incarnation: bytesOf(16), conversation: bytesOf(32) });

/** The newest of them as it was signed (`openSigned`), or null. */
const proof = z.strictObject({ v, type: z.literal("proof"), signed: bytes.nullable() });

/** A new session. `hint`: the name to look up for whoever does not know this device; it proves nothing. */
const open = z.strictObject({
  v,
  type: z.literal("open"),
  sessionId,
  recipientDevice,
  hint: usernameSchema,
  welcome: bytes,
});

const message = z.strictObject({
  v,
  type: z.literal("message"),
  sessionId,
  recipientDevice,
  envelopeId,
  ciphertext: bytes,
});

/** Heals the session; no message follows before `committed` answers. */
const commit = z.strictObject({ v, type: z.literal("commit"), sessionId, recipientDevice, commit: bytes });

/**
 * Where and how to leave parcels for the sender of this frame while its device is away; takes the place of an earlier one
 * with a lower `seq`. `key`: an X-Wing public key. Each token pays for one parcel in its box.
 */
const grant = z.strictObject({
  v,
  type: z.literal("grant"),
  seq: sequence,
  key: bytesOf(LIMITS.sealKeyBytes),
  boxes: z
    .array(
      z.strictObject({
        relay: z.string().max(LIMITS.addressMaxLength),
        box: bytesOf(ED25519.publicKeyBytes),
        tokens: z.array(bytesOf(32)).max(LIMITS.grantMaxTokens),
      }),
    )
    .max(LIMITS.mailboxRecordMaxBoxes),
});

/** The grant with that sequence is on disk. */
const granted = z.strictObject({ v, type: z.literal("granted"), seq: sequence });

/** The session of an `open` frame is on disk. */
const opened = z.strictObject({ v, type: z.literal("opened"), sessionId });

/** The commit with that SHA-256 is applied, or lost against one of this side that is on its way. */
const committed = z.strictObject({
  v,
  type: z.literal("committed"),
  sessionId,
  commitHash: bytesOf(32),
  applied: z.boolean(),
});

/** Those envelopes are on this device's disk. */
const ack = z.strictObject({
  v,
  type: z.literal("ack"),
  envelopeIds: z.array(envelopeId).min(1).max(LIMITS.sendWindowMessages),
});

/** That envelope could not be decrypted where the session stands: heal the session and encrypt it again. */
const resend = z.strictObject({ v, type: z.literal("resend"), sessionId, envelopeId });

/** This device has no such session: open a new one. Signed by the device key, so that garbage cannot cause it. */
const reset = z.strictObject({ v, type: z.literal("reset"), sessionId, signature: bytesOf(ED25519.signatureBytes) });

/** What was refused and why. `subject`: an envelope id, a session id, or null for the lane as a whole. */
const refuse = z.strictObject({
  v,
  type: z.literal("refuse"),
  subject: bytesOf(32).nullable(),
  code: z.enum(ERROR_CODES),
  reason: z.string().max(32).nullable(),
});

const frameSchema = z.discriminatedUnion("type", [
  hello,
  prove,
  proof,
  grant,
  granted,
  open,
  message,
  commit,
  opened,
  committed,
  ack,
  resend,
  reset,
  refuse,
]);

export type Frame = z.infer<typeof frameSchema>;
export type FrameOf<Type extends Frame["type"]> = Extract<Frame, { type: Type }>;

/** Everything but the version, which every frame carries alike. */
export type FrameBody = Frame extends infer One ? (One extends Frame ? Omit<One, "v"> : never) : never;

export function encodeFrame(body: FrameBody): Uint8Array {
  return encodeCbor({ v: PROTOCOL_VERSION, ...body });
}

/**
 * Reads a frame, strictly.
 *
 * @throws ChatError FRAME_TOO_LARGE, VERSION_UNSUPPORTED, FRAME_INVALID
 */
export function decodeFrame(encoded: Uint8Array): Frame {
  if (encoded.length > LIMITS.frameMaxBytes) {
    throw new ChatError("FRAME_TOO_LARGE", `a frame has at most ${LIMITS.frameMaxBytes} bytes`);
  }
  return decodeVersioned(frameSchema, encoded, "FRAME_INVALID");
}
