import { asChatError, isChatError } from "../../shared/errors.ts";

/** What is wrong here, with this program or its disk; anything else is how the world is. */
export function isOwnFault(error: unknown): boolean {
  return isChatError(asChatError(error), "INTERNAL", "STORAGE", "STORE_CORRUPT");
}
