import { privateKeyObject, rawPublicKey } from "../../shared/ed25519.ts";

export const boxKey = privateKeyObject(new Uint8Array(32).fill(1));
export const box = rawPublicKey(boxKey);
export const token = new Uint8Array(32).fill(4);
export const parcel = new Uint8Array(2048).fill(5);

/** Nothing can be heard while a test's time passes. */
export const UNWATCHED = { pingIntervalMs: Number.POSITIVE_INFINITY };
