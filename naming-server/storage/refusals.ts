import { ChatError } from "../../shared/errors.ts";

/* What both databases refuse, in the same words. */

export function keyInUse(reason: "identity" | "device"): ChatError {
  return new ChatError("KEY_IN_USE", `another name uses this ${reason} key`, { reason });
}

export function mustRise(what: string): ChatError {
  return new ChatError("RECORD_CONFLICT", `the sequence of ${what} must rise`);
}

export function relaysFull(): ChatError {
  return new ChatError("RELAYS_FULL", "this naming server lists as many relays as it may");
}

export function notListed(): ChatError {
  return new ChatError("FORBIDDEN", "not one of the caller's devices");
}
