import { ChatError, type ErrorCode, isChatError } from "../../shared/errors.ts";

/** Codes that mean the same whatever was being done; any other exception is the fault of the bytes at hand. */
const OWN_MEANING = ["SESSION_OUT_OF_ORDER", "STORE_CORRUPT", "INTERNAL"] as const satisfies readonly ErrorCode[];

/** Runs a step on untrusted bytes: the library throws many kinds of errors, the caller sees one code. */
export async function guarded<T>(code: ErrorCode, message: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw asChatError(code, message, error);
  }
}

export function guardedSync<T>(code: ErrorCode, message: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw asChatError(code, message, error);
  }
}

function asChatError(code: ErrorCode, message: string, error: unknown): ChatError {
  if (isChatError(error, code, ...OWN_MEANING)) return error;
  return new ChatError(code, isChatError(error) ? error.message : message, { cause: error });
}
