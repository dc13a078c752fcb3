import type { DeviceDelivery } from "../messaging/operations/messages.ts";
import { visibleReason } from "./visible-text.ts";

/** Why a message is not there yet, or never will be: in words where the code would say something else. */
export function describeTrouble({ state, error, reason }: Pick<DeviceDelivery, "state" | "error" | "reason">): string {
  if (state === "failed" && error === "TIMED_OUT" && reason === "unconfirmed") {
    return "it was left in a mailbox of theirs, and nobody has confirmed it: they may have it";
  }
  return visibleReason([error, reason].filter((part) => part !== undefined).join(": "));
}
