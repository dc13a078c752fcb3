import { expect } from "vitest";
import { ChatError, type ErrorCode } from "../../shared/errors.ts";

/** Expects a ChatError of that code (and reason), thrown at once or by the promise, and returns it. */
export async function expectError(
  attempt: (() => unknown) | Promise<unknown>,
  code: ErrorCode,
  reason?: string,
): Promise<ChatError> {
  const outcome = await Promise.resolve(attempt instanceof Promise ? attempt : (async () => attempt())()).then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!("error" in outcome)) throw new Error(`expected ${code}, but it succeeded`);
  const { error } = outcome;
  if (!(error instanceof ChatError)) throw error;
  expect({ code: error.code, reason: error.reason }).toEqual({ code, reason: reason ?? error.reason });
  return error;
}
