import { decodeBase64url } from "./base64url.ts";
import { concat, utf8 } from "./bytes.ts";
import { sha256 } from "./hash.ts";
import type { Username } from "./username.ts";

/** `SHA-256(name) || SHA-256(record)`. */
export const LOG_LEAF_BYTES = 64;
export const LOG_LABEL_BYTES = 32;

/** What a name is called in the log. */
export function logLabelOf(name: Username): Uint8Array {
  return sha256(utf8(name));
}

/** @param recordHash  base64url of SHA-256 of the record */
export function logLeafOf(name: Username, recordHash: string): Uint8Array {
  return concat(logLabelOf(name), decodeBase64url(recordHash));
}
