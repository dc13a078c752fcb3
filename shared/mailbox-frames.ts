import * as z from "zod";
import { decodeVersioned, encodeCbor } from "./cbor.ts";
import { ED25519 } from "./ed25519.ts";
import { ChatError, ERROR_CODES } from "./errors.ts";
import { MAILBOX_TOKEN } from "./mailbox-token.ts";
import { LIMITS, MAILBOX_LIMITS, PARCEL_BUCKETS, PROTOCOL_VERSION } from "./protocol.ts";
import { bytes, bytesOf, sequence, unixSeconds } from "./schemas.ts";

/*
 * What travels on `/p2pchat/mailbox/1`. The client opens the stream and asks; the relay says `welcome`, gives every
 * request one last answer under the same number, and sends `notice` unasked. PROTOCOL.md 9.
 */

export const BOX_KINDS = ["contacts", "requests"] as const;
/** `contacts`: every deposit costs a token of the owner's. `requests`: none needed, little room. */
export type BoxKind = (typeof BOX_KINDS)[number];

const PARCEL_SIZES: ReadonlySet<number> = new Set(PARCEL_BUCKETS);

const v = z.literal(PROTOCOL_VERSION);
const request = z.int().min(0).max(0xffff_ffff);
const box = bytesOf(ED25519.publicKeyBytes);
const place = sequence;
const parcelBytes = bytes.refine((value) => PARCEL_SIZES.has(value.length), "not the size of a parcel");
const signature = bytesOf(ED25519.signatureBytes);
const count = z.int().min(0);

/** Makes a box or keeps it alive, and asks for notices. Signed: `signBoxOpening`. */
const open = z.strictObject({
  v,
  type: z.literal("open"),
  request,
  box,
  kind: z.enum(BOX_KINDS),
  tokenKey: bytesOf(MAILBOX_TOKEN.keyBytes).nullable(),
  signature,
});

/** Asks for the parcels behind that place, of a box that this stream opened. */
const fetch = z.strictObject({ v, type: z.literal("fetch"), request, box, after: count });

/** Those parcels are safe with the owner: delete them. Signed: `signBoxReceipt`. */
const receipt = z.strictObject({
  v,
  type: z.literal("receipt"),
  request,
  box,
  places: z.array(place).min(1).max(MAILBOX_LIMITS.receiptMaxPlaces),
  signature,
});

const deposit = z.strictObject({
  v,
  type: z.literal("deposit"),
  request,
  box,
  token: bytesOf(MAILBOX_TOKEN.bytes).nullable(),
  parcel: parcelBytes,
});

/** The first frame. `store`: made with the relay's database; another than before means that all in it is lost. */
const welcome = z.strictObject({
  v,
  type: z.literal("welcome"),
  store: bytesOf(16),
  challenge: bytesOf(32),
  limits: z.strictObject({ parcelsPerBox: count, bytesPerBox: count, keepSeconds: count }),
});

/** The box is there, with so much in it. */
const opened = z.strictObject({ v, type: z.literal("opened"), request, parcels: count, bytes: count });

/** One of the answers to `fetch`, in the order of their places. */
const parcel = z.strictObject({
  v,
  type: z.literal("parcel"),
  request,
  box,
  place,
  storedAt: unixSeconds,
  parcel: parcelBytes,
});

/** The end of the answers to `fetch`. `last`: the place of the last parcel, or `after`; `more`: ask again from there. */
const fetched = z.strictObject({ v, type: z.literal("fetched"), request, last: count, more: z.boolean() });

const deleted = z.strictObject({ v, type: z.literal("deleted"), request });

/** The parcel is on the relay's disk. */
const deposited = z.strictObject({ v, type: z.literal("deposited"), request });

const notice = z.strictObject({ v, type: z.literal("notice"), box });

const refused = z.strictObject({
  v,
  type: z.literal("refused"),
  request,
  code: z.enum(ERROR_CODES),
  reason: z.string().max(32).nullable(),
});

const requestSchema = z.discriminatedUnion("type", [open, fetch, receipt, deposit]);
const answerSchema = z.discriminatedUnion("type", [
  welcome,
  opened,
  parcel,
  fetched,
  deleted,
  deposited,
  notice,
  refused,
]);

/** What a client sends. */
export type MailboxRequest = z.infer<typeof requestSchema>;
export type MailboxRequestOf<Type extends MailboxRequest["type"]> = Extract<MailboxRequest, { type: Type }>;

/** What a relay sends. */
export type MailboxAnswer = z.infer<typeof answerSchema>;
export type MailboxAnswerOf<Type extends MailboxAnswer["type"]> = Extract<MailboxAnswer, { type: Type }>;

type WithoutVersion<Frame> = Frame extends infer One ? (One extends Frame ? Omit<One, "v"> : never) : never;
export type MailboxFrameBody = WithoutVersion<MailboxRequest | MailboxAnswer>;

export function encodeMailboxFrame(body: MailboxFrameBody): Uint8Array {
  return encodeCbor({ v: PROTOCOL_VERSION, ...body });
}

/**
 * Reads what a client sent, strictly.
 *
 * @throws ChatError FRAME_TOO_LARGE, VERSION_UNSUPPORTED, FRAME_INVALID
 */
export function decodeMailboxRequest(encoded: Uint8Array): MailboxRequest {
  return decodeFrame(requestSchema, encoded);
}

/**
 * Reads what a relay sent, strictly.
 *
 * @throws ChatError FRAME_TOO_LARGE, VERSION_UNSUPPORTED, FRAME_INVALID
 */
export function decodeMailboxAnswer(encoded: Uint8Array): MailboxAnswer {
  return decodeFrame(answerSchema, encoded);
}

function decodeFrame<T>(schema: z.ZodType<T>, encoded: Uint8Array): T {
  if (encoded.length > LIMITS.frameMaxBytes) {
    throw new ChatError("FRAME_TOO_LARGE", `a frame has at most ${LIMITS.frameMaxBytes} bytes`);
  }
  return decodeVersioned(schema, encoded, "FRAME_INVALID");
}
