import * as z from "zod";
import { ERROR_CODES } from "../../../shared/errors.ts";
import type { DeliveryState } from "../../messaging/operations/messages.ts";
import type { Path } from "../../messaging/path.ts";

type Mutable<T> = { -readonly [Member in keyof T]: Mutable<T[Member]> };

/** Whether every value of `T`, with every member that it may have, is an `Output`. */
type Covers<T, Output> = Mutable<T> extends Output ? (keyof T extends keyof Output ? unknown : never) : never;

/** The schema of a type: the compiler refuses one that allows more than the type, or less. */
export function shapeOf<T>() {
  return <S extends z.ZodType<T>>(schema: S & Covers<T, z.output<S>>): S => schema;
}

/** One of the words of a union; the compiler wants every one of them. */
export function oneOf<Word extends string>(words: Record<Word, true>) {
  return z.enum(Object.keys(words) as Word[]);
}

/** ISO 8601 in UTC with milliseconds; years that no calendar has are signed and have six digits. */
export const time = z.string().regex(/^(?:\d{4}|[+-]\d{6})-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

/** Of a message: 128 random bits. */
export const messageId = z.string().regex(/^[0-9a-f]{32}$/);

export const count = z.int().min(0);

export const errorCode = z.enum(ERROR_CODES);

export const path = oneOf<Path>({ direct: true, punched: true, relay: true, mailbox: true });

export const deliveryState = oneOf<DeliveryState>({
  queued: true,
  relayed: true,
  stored: true,
  displayed: true,
  failed: true,
});
