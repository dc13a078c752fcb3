import { ChatError } from "../../shared/errors.ts";

/* What both databases refuse, in the same words. */

export function keyInUse(reason: "identity" | "device"): ChatError {
  return new ChatError("KEY_IN_USE", `another name uses this ${reason} key`, { reason });
}

export function notListed(): ChatError {
  return new ChatError("FORBIDDEN", "not one of the caller's devices");
}
