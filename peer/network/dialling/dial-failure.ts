import { ChatError, isChatError } from "../../../shared/errors.ts";

/** What libp2p threw while connecting, in our words. */
export function dialFailure(error: unknown, signal: AbortSignal): ChatError {
  if (isChatError(error)) return error;
  if (signal.aborted) {
    if (isChatError(signal.reason)) return signal.reason;
    return new ChatError("TIMED_OUT", "gave up connecting", { cause: signal.reason });
  }
  if (isUnsupportedProtocol(error)) {
    return new ChatError("PEER_UNREACHABLE", "the other side does not speak this version", {
      reason: "protocol",
      cause: error,
    });
  }
  return new ChatError("PEER_UNREACHABLE", "no address answered as that device", { reason: "dial", cause: error });
}

/** The peer is there and answered, so another connection would not help. */
export function isUnsupportedProtocol(error: unknown): boolean {
  return error instanceof Error && error.name === "UnsupportedProtocolError";
}
