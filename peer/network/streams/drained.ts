import type { Stream, StreamCloseEvent } from "@libp2p/interface";
import { ChatError } from "../../../shared/errors.ts";

/**
 * Waits until flow control lets more be written. `stream.onDrain()` of libp2p 3.3 waits once per stream and then never
 * again, so that memory grows without bound; the `drain` event is right every time.
 *
 * @throws ChatError PEER_UNREACHABLE when the stream closes meanwhile, TIMED_OUT when `signal` fires
 */
export async function drained(stream: Stream, signal: AbortSignal | undefined): Promise<void> {
  while (stream.writableNeedsDrain) {
    if (stream.status !== "open") throw unreachable(undefined);
    if (signal?.aborted) throw timedOut(signal);
    await nextDrain(stream, signal);
  }
}

async function nextDrain(stream: Stream, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onDrain = () => resolve();
  const onClose = (event: StreamCloseEvent) => reject(unreachable(event.error));
  const onAbort = () => reject(timedOut(signal));
  stream.addEventListener("drain", onDrain);
  stream.addEventListener("close", onClose);
  signal?.addEventListener("abort", onAbort);
  try {
    await promise;
  } finally {
    stream.removeEventListener("drain", onDrain);
    stream.removeEventListener("close", onClose);
    signal?.removeEventListener("abort", onAbort);
  }
}

function unreachable(cause: Error | undefined): ChatError {
  return new ChatError("PEER_UNREACHABLE", "the channel closed before all was written", { cause });
}

function timedOut(signal: AbortSignal | undefined): ChatError {
  return new ChatError("TIMED_OUT", "the other side does not read", { cause: signal?.reason });
}
