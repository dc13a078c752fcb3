import type { Connection, Stream } from "@libp2p/interface";
import { LIMITS, PUNCH_PROTOCOLS } from "../../../shared/protocol.ts";
import { type Endpoint, encodePunchFrame } from "../../../shared/punch-frames.ts";
import type { Runtime } from "../../messaging/runtime.ts";
import type { NetworkLimits } from "../limits.ts";
import { encodeFrames } from "../streams/framing.ts";
import { openStream } from "../streams/open-stream.ts";
import { PunchTalk } from "./punch-talk.ts";

/** For whoever asks to have read the answer. */
const CLOSE_TIMEOUT_MS = 5000;

/** Answers `PUNCH_PROTOCOLS.observed`, for relays: tells whoever asks where their own connection comes from. */
export function serveObserved(
  runtime: Pick<Runtime, "after">,
): (stream: Stream, connection: Pick<Connection, "remoteAddr">) => Promise<void> {
  return async (stream, { remoteAddr }) => {
    try {
      const [ip, tcp] = remoteAddr.getComponents();
      const endpoint = { host: ip?.value ?? "", port: Number(tcp?.value) };
      stream.send(encodeFrames([encodePunchFrame({ type: "observed", endpoint })], LIMITS.punchFrameMaxBytes));
      // libp2p loses what comes together with the end of a stream and its negotiation
      await closedByReader(stream, runtime);
      await stream.close();
    } catch (cause) {
      stream.abort(new Error("nothing observed", { cause }));
    }
  };
}

function closedByReader(stream: Stream, runtime: Pick<Runtime, "after">): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const cancel = runtime.after(CLOSE_TIMEOUT_MS, () => reject(new Error("the reader does not close")));
  stream.addEventListener("remoteCloseWrite", () => resolve());
  stream.addEventListener("close", () => resolve());
  if (stream.remoteWriteStatus === "closed") resolve();
  return promise.finally(cancel);
}

type Options = {
  readonly limits: NetworkLimits;
  readonly runtime: Pick<Runtime, "after" | "monotonic">;
};

/**
 * Where this node's connection to a relay comes from, as the relay sees it.
 *
 * @throws ChatError FRAME_INVALID and others; what libp2p throws where the relay does not know the protocol
 */
export async function askObserved(connection: Connection, { limits, runtime }: Options): Promise<Endpoint> {
  const signal = AbortSignal.timeout(limits.negotiationMaxMs);
  const stream = await openStream(connection, PUNCH_PROTOCOLS.observed, { runtime, limits, signal });
  const talk = new PunchTalk(stream, { connection, limits, runtime, signal });
  try {
    return (await talk.next("observed")).endpoint;
  } finally {
    void talk.close();
  }
}
