import { isChatError } from "../../../shared/errors.ts";

/** How that fails, in words; undefined if it does not. */
export function failureOf(work: () => void): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return isChatError(error) ? `${error.code} ${error.reason}` : String(error);
  }
}
