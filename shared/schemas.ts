import * as z from "zod";
import { isBase64urlOf } from "./base64url.ts";
import { type DeviceId, parseDeviceId } from "./device-id.ts";
import { LIMITS } from "./protocol.ts";
import { parseUsername, type Username } from "./username.ts";

/*
 * The values that records, requests and answers share, as schemas. Objects made of them are strict: an unknown member
 * is refused.
 */

/** Canonical base64url of exactly that many bytes. */
export const base64urlOf = (bytes: number) =>
  z
    .string()
    .refine((text) => isBase64urlOf(text, bytes), `not base64url of ${bytes} bytes`)
    .meta({ pattern: `^[A-Za-z0-9_-]{${Math.ceil((bytes * 8) / 6)}}$` });

/** A text that `parse` reads; what it throws becomes an issue, so that no answer of a stranger throws past its schema. */
export function parsed<T>(parse: (text: string) => T) {
  return z.string().transform((text, context): T => {
    try {
      return parse(text);
    } catch (error) {
      context.addIssue({ code: "custom", message: error instanceof Error ? error.message : "invalid" });
      return z.NEVER;
    }
  });
}

/* What a text must look like besides, for documents that are made of schemas: their parsers say more. */
const USERNAME_SHAPE = {
  minLength: LIMITS.usernameMinLength,
  maxLength: LIMITS.usernameMaxLength,
  pattern: "^[a-z0-9]+(?:-[a-z0-9]+)*$",
};
const DEVICE_ID_SHAPE = { pattern: "^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$" };

export const usernameSchema = parsed<Username>(parseUsername).meta(USERNAME_SHAPE);
export const deviceIdSchema = parsed<DeviceId>(parseDeviceId).meta(DEVICE_ID_SHAPE);

/** Seconds since the Unix epoch, up to the year 9999. */
export const unixSeconds = z.int().min(0).max(253_402_300_799);

/** Milliseconds since the Unix epoch, up to the year 9999: what every program can print as a date. */
export const unixMilliseconds = z.int().min(0).max(253_402_300_799_999);

/** 1, 2, 3, ... */
export const sequence = z.int().min(1);

/** A naming server's public URL: origin and optional path, no trailing slash, query, fragment or credentials. */
export const audienceSchema = z
  .string()
  .max(256)
  .refine((text) => isAudience(text), "not a server URL without a trailing slash");

function isAudience(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const plain = !url.search && !url.hash && !url.username && !url.password;
  return plain && /^https?:$/.test(url.protocol) && url.href.replace(/\/$/, "") === text;
}

/** Bytes, in CBOR. */
export const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, "not bytes");

/** Exactly that many bytes, in CBOR. */
export const bytesOf = (length: number) => bytes.refine((value) => value.length === length, `not ${length} bytes`);
