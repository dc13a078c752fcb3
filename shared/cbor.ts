import { type DecodeOptions, decode, encode, type Token, Tokenizer } from "cborg";
import * as z from "zod";
import { equalBytes } from "./bytes.ts";
import { ChatError, type ErrorCode } from "./errors.ts";
import { PROTOCOL_VERSION } from "./protocol.ts";

/** Deterministic CBOR (RFC 8949 4.2.1): shortest forms, sorted keys, definite lengths. */
export function encodeCbor(value: unknown): Uint8Array {
  return encode(value);
}

/**
 * Reads deterministic CBOR and nothing else: one encoding per value, no duplicate keys, no trailing bytes, no
 * `undefined`, NaN, infinity, tags or integers beyond 2^53.
 *
 * @throws ChatError `code`
 */
export function decodeCbor<T>(schema: z.ZodType<T>, bytes: Uint8Array, code: ErrorCode): T {
  const value = decodeStrict(bytes, code);
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const where = read.error.issues[0];
  throw new ChatError(code, `${where?.path.join(".") || "value"}: ${where?.message ?? "invalid"}`, {
    reason: "schema",
  });
}

/** Reads what this program wrote for itself, so without asking for its form. */
export function decodeOwnCbor(bytes: Uint8Array): unknown {
  return decodeExactly(bytes, {});
}

const versionSchema = z.object({ v: z.int() });

/**
 * Reads a map that says its version in `v`, so that one of another version is not taken for garbage.
 *
 * @throws ChatError VERSION_UNSUPPORTED, `code`
 */
export function decodeVersioned<T>(schema: z.ZodType<T>, bytes: Uint8Array, code: ErrorCode): T {
  try {
    return decodeCbor(schema, bytes, code);
  } catch (error) {
    const { v: version } = decodeCbor(versionSchema, bytes, code);
    if (version === PROTOCOL_VERSION) throw error;
    throw new ChatError("VERSION_UNSUPPORTED", `the peer speaks version ${version}, this program ${PROTOCOL_VERSION}`);
  }
}

function decodeStrict(bytes: Uint8Array, code: ErrorCode): unknown {
  const options = {
    strict: true,
    allowIndefinite: false,
    allowUndefined: false,
    allowInfinity: false,
    allowNaN: false,
  };
  try {
    const value = decodeExactly(bytes, { ...options, allowBigInt: false, rejectDuplicateMapKeys: true });
    // What cborg does not order or forbid by itself (key order, `__proto__`, half floats) shows in the second encoding.
    if (equalBytes(encode(value), bytes)) return value;
  } catch (cause) {
    throw new ChatError(code, "not deterministic CBOR", { reason: "cbor", cause });
  }
  throw new ChatError(code, "not deterministic CBOR", { reason: "cbor" });
}

function decodeExactly(bytes: Uint8Array, options: DecodeOptions): unknown {
  const exact = { ...options, retainStringBytes: true };
  // The bytes of a Buffer, but not as one: parts of that would share its memory.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return decode(plain, { ...exact, tokenizer: new ExactTokenizer(plain, exact) });
}

/** cborg leaves out a U+FEFF with which a text begins, as if it only said how the text is encoded. */
class ExactTokenizer extends Tokenizer {
  override next(): Token {
    const token = super.next();
    if (token.byteValue !== undefined && hasByteOrderMark(token.byteValue)) token.value = `\uFEFF${token.value}`;
    return token;
  }
}

function hasByteOrderMark(bytes: Uint8Array): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}
