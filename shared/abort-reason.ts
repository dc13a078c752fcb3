import { ChatError, isChatError } from "./errors.ts";

/** Why somebody stopped waiting: their own ChatError, TIMED_OUT for `AbortSignal.timeout`, else INTERRUPTED. */
export function abortReason({ reason }: AbortSignal): ChatError {
  if (isChatError(reason)) return reason;
  return reason instanceof Error && reason.name === "TimeoutError"
    ? new ChatError("TIMED_OUT", "gave up waiting", { cause: reason })
    : new ChatError("INTERRUPTED", "stopped waiting", { cause: reason });
}
