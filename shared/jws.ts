import { type KeyObject, verify } from "node:crypto";
import { CompactSign } from "jose";
import * as z from "zod";
import { decodeBase64url } from "./base64url.ts";
import { utf8 } from "./bytes.ts";
import { publicKeyObject } from "./ed25519.ts";
import { ChatError, type ErrorCode } from "./errors.ts";
import { JWS_ALGORITHM } from "./protocol.ts";
import { parseStrictJson } from "./strict-json.ts";

/** A compact JWS whose form has been checked; its signature has not. */
export type ParsedJws = {
  readonly text: string;
  readonly header: { readonly alg: string; readonly typ: string; readonly kid?: string | undefined };
  readonly payload: unknown;
};

export type JwsRules = {
  readonly typ: string;
  readonly maxBytes: number;
  readonly code: ErrorCode;
  /** Whether the header names the key that signed. */
  readonly hasKid?: boolean;
};

/** Nothing else may stand in a header: no `crit`, `jwk`, `jku`, `x5u`, `x5c`, `b64`. */
const headerSchema = z.strictObject({ alg: z.string(), typ: z.string(), kid: z.string().max(128).optional() });

/**
 * Signs the JSON of `payload` as compact JWS (RFC 7515 7.1).
 *
 * @param kid  which key signed, where the reader cannot tell otherwise
 */
export function signJws(payload: object, signer: { typ: string; key: KeyObject; kid?: string }): Promise<string> {
  const { typ, key, kid } = signer;
  return new CompactSign(utf8(JSON.stringify(payload)))
    .setProtectedHeader({ alg: JWS_ALGORITHM, typ, ...(kid === undefined ? {} : { kid }) })
    .sign(key);
}

/**
 * Takes a JWS apart, strictly: three parts of canonical base64url (jose accepts other spellings, which would give one
 * record many hashes), the expected `alg` and `typ`, no other header members, strict JSON.
 *
 * @throws ChatError `rules.code` with reason `size`, `form`, `header`, `alg` or `typ`
 */
export function parseJws(text: string, rules: JwsRules): ParsedJws {
  const refuse = (reason: string, message: string, cause?: unknown) =>
    new ChatError(rules.code, message, { reason, cause });
  if (text.length > rules.maxBytes) throw refuse("size", `longer than ${rules.maxBytes} bytes`);
  const parts = text.split(".");
  if (parts.length !== 3) throw refuse("form", "not a compact JWS of three parts");
  let header: unknown;
  let payload: unknown;
  try {
    const [head, body] = parts.map((part) => decodeBase64url(part)) as [Uint8Array, Uint8Array, Uint8Array];
    header = parseStrictJson(head);
    payload = parseStrictJson(body);
  } catch (cause) {
    throw refuse("form", "not a canonical JWS", cause);
  }
  const read = headerSchema.safeParse(header);
  const claimed = header as { alg?: unknown; typ?: unknown } | null;
  if (claimed?.alg !== JWS_ALGORITHM) throw refuse("alg", `the algorithm must be ${JWS_ALGORITHM}`);
  if (!read.success || (read.data.kid !== undefined && rules.hasKid !== true)) {
    throw refuse("header", "the header has members that are not allowed here", read.error);
  }
  if (read.data.typ !== rules.typ) throw refuse("typ", `the type must be ${rules.typ}`);
  return { text, header: read.data, payload };
}

/**
 * Checks the signature over the bytes as received.
 *
 * @param publicKey  raw Ed25519 key, 32 bytes
 * @throws ChatError SIGNATURE_INVALID, KEY_INVALID
 */
export async function verifyJws({ text }: ParsedJws, publicKey: Uint8Array): Promise<void> {
  const signedLength = text.lastIndexOf(".");
  const signed = Buffer.from(text.slice(0, signedLength), "latin1");
  const signature = Buffer.from(text.slice(signedLength + 1), "base64url");
  if (verify(null, signed, publicKeyObject(publicKey), signature)) return;
  throw new ChatError("SIGNATURE_INVALID", "the signature does not verify");
}

/**
 * Reads a payload by its schema.
 *
 * @throws ChatError `code` with reason `payload`
 */
export function readPayload<T>(schema: z.ZodType<T>, jws: ParsedJws, code: ErrorCode): T {
  const read = schema.safeParse(jws.payload);
  if (read.success) return read.data;
  throw new ChatError(code, `${jws.header.typ}: ${z.prettifyError(read.error)}`, { reason: "payload" });
}
