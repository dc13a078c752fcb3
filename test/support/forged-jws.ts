import { createHmac, type KeyObject, sign as signBytes } from "node:crypto";
import { encodeBase64url } from "../../shared/base64url.ts";

const encodePart = (value: object) => encodeBase64url(Buffer.from(JSON.stringify(value)));

/** A JWS by hand, with whatever header and signature. */
export function forge(header: object, claims: object, sign: (input: Buffer) => Uint8Array): string {
  const input = `${encodePart(header)}.${encodePart(claims)}`;
  return `${input}.${encodeBase64url(sign(Buffer.from(input)))}`;
}

export const ed25519 = (key: KeyObject) => (input: Buffer) => signBytes(null, input, key);
export const nothing = () => new Uint8Array();
export const hmac = (secret: string | Uint8Array) => (input: Buffer) =>
  createHmac("sha256", secret).update(input).digest();
