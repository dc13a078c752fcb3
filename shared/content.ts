import * as z from "zod";
import { decodeCbor, encodeCbor } from "./cbor.ts";
import { ChatError } from "./errors.ts";
import { LIMITS } from "./protocol.ts";
import { bytesOf, unixMilliseconds } from "./schemas.ts";

/*
 * What a message says: the body of an envelope, by its kind. Members that this version does not know are left to later
 * ones. PROTOCOL.md 5.4.
 */

/** Kinds that this version knows; others are stored, acknowledged and not shown. A tombstone has nothing to say. */
export const ENVELOPE_KINDS = {
  text: "text",
  edit: "edit",
  delete: "delete",
  reaction: "reaction",
  read: "read",
  tombstone: "tombstone",
} as const;

const messageId = bytesOf(LIMITS.messageIdBytes);
const text = z.string();

const schemas = {
  text: z.object({ text, replyTo: messageId.optional(), expiresAt: unixMilliseconds.optional() }),
  edit: z.object({ target: messageId, text }),
  delete: z.object({ target: messageId }),
  reaction: z.object({ target: messageId, emoji: z.string() }),
  read: z.object({ targets: z.array(messageId).min(1).max(LIMITS.readMarksPerMessage) }),
} as const;

type Kind = keyof typeof schemas;

/**
 * A message and what may be said about one later. `target`: the message id of an earlier one; only its author's `edit`
 * and `delete` count. `reaction`: takes the place of the same person's one before, and an empty one takes it away. `read`:
 * those messages of the recipient's were shown to a person. `expiresAt`: both sides forget the text then.
 */
export type Content = { [K in Kind]: { readonly kind: K } & Readonly<z.infer<(typeof schemas)[K]>> }[Kind];
export type ContentOf<K extends Kind> = Extract<Content, { kind: K }>;

/**
 * The content of a body; undefined for kinds of later versions.
 *
 * @throws ChatError ENVELOPE_INVALID with reason `cbor`, `schema` or `size`
 */
export function decodeContent(kind: string, body: Uint8Array): Content | undefined {
  if (!isKnown(kind)) return undefined;
  const content = { kind, ...decodeCbor<object>(schemas[kind], body, "ENVELOPE_INVALID") } as Content;
  checkSizes(content);
  return content;
}

export function encodeContent({ kind: _, ...body }: Content): Uint8Array {
  return encodeCbor(Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined)));
}

/** The body of what takes the place of a message that was cancelled or expired before it was delivered. */
export function encodeTombstone(): Uint8Array {
  return encodeCbor({});
}

function isKnown(kind: string): kind is Kind {
  return Object.hasOwn(schemas, kind);
}

function checkSizes(content: Content): void {
  if ("text" in content && Buffer.byteLength(content.text) > LIMITS.textMaxBytes) throw tooLong("text");
  if ("emoji" in content && Buffer.byteLength(content.emoji) > LIMITS.reactionMaxBytes) throw tooLong("reaction");
}

function tooLong(what: string): ChatError {
  return new ChatError("ENVELOPE_INVALID", `the ${what} is longer than allowed`, { reason: "size" });
}
