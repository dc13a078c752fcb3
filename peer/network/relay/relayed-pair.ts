import type { Stream } from "@libp2p/interface";
import type { Runtime } from "../../messaging/runtime.ts";

type Options = {
  /** What may wait in this process for the other side to take it, each way. */
  readonly maxBytes: number;
  /** Counts what arrived; false: cut. */
  readonly transferred: (bytes: number) => boolean;
  /** For both together. */
  readonly maxMs: number;
  readonly runtime: Pick<Runtime, "after">;
};

/** For one side to take what is left and to finish, once the other is gone. */
const FINISH_TIMEOUT_MS = 30_000;

/**
 * Watches the two streams that libp2p's relay joins. The relay reads on whatever the other side takes, and holds what it
 * does not without bound: here the reading side is paused meanwhile. Resolves when both streams are gone: where one is, the
 * other may still hold what has to go out.
 */
export async function watchRelayedPair(a: Stream, b: Stream, options: Options): Promise<void> {
  const cut = (why: string) => {
    for (const stream of [a, b]) stream.abort(new Error(why));
  };
  watchOneWay(a, b, options, cut);
  watchOneWay(b, a, options, cut);
  const closed = [closeOf(a), closeOf(b)];
  const limit = async (ms: number, why: string, over: Promise<unknown>) => {
    const cancel = options.runtime.after(ms, () => cut(why));
    await over;
    cancel();
  };
  await limit(options.maxMs, "relayed for long enough", Promise.race(closed));
  await limit(FINISH_TIMEOUT_MS, "the other side is gone", Promise.all(closed));
}

function watchOneWay(from: Stream, to: Stream, { maxBytes, transferred }: Options, cut: (why: string) => void): void {
  let waiting = 0;
  from.addEventListener("message", ({ data }) => {
    waiting += data.byteLength;
    if (!transferred(data.byteLength)) queueMicrotask(() => cut("quota"));
    else if (waiting > maxBytes) queueMicrotask(() => pauseIf(from, () => waiting > maxBytes));
  });
  const send = to.send.bind(to);
  to.send = (data) => {
    waiting -= data.byteLength;
    const more = send(data);
    if (waiting <= maxBytes / 2 && from.readStatus === "paused") queueMicrotask(() => resume(from));
    return more;
  };
}

/** Never within a listener: that breaks libp2p's flow control. */
function pauseIf(stream: Stream, isWanted: () => boolean): void {
  if (isWanted() && stream.readStatus === "readable") stream.pause();
}

function resume(stream: Stream): void {
  if (stream.readStatus === "paused") stream.resume();
}

function closeOf(stream: Stream): Promise<void> {
  return new Promise((resolve) => {
    stream.addEventListener("close", () => resolve());
    if (stream.status !== "open") resolve();
  });
}
