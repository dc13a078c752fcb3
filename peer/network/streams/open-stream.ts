import type { Connection, Stream } from "@libp2p/interface";
import type { Runtime } from "../../messaging/runtime.ts";
import type { NetworkLimits } from "../limits.ts";
import { bytesUnpacked } from "../transport/muxer.ts";
import { bytesHeard } from "../transport/tcp.ts";
import { untilSilent, within } from "../waiting.ts";

type Options = {
  readonly runtime: Pick<Runtime, "after">;
  readonly limits: Pick<NetworkLimits, "negotiationTimeoutMs" | "negotiationMaxMs">;
  readonly signal: AbortSignal;
};

/**
 * Opens a stream on which both sides speak that protocol. Behind a full and slow line the question, or its answer, takes its
 * time: it is waited for while anything else comes in.
 *
 * @throws ChatError TIMED_OUT, and what libp2p throws
 */
export function openStream(
  connection: Connection,
  protocol: string,
  { runtime, limits, signal }: Options,
): Promise<Stream> {
  const heard = () => bytesHeard(connection) ?? bytesUnpacked(connection);
  return within({ runtime, ms: limits.negotiationMaxMs, signal }, (whole) =>
    untilSilent({ runtime, ms: limits.negotiationTimeoutMs, signal: whole, heard }, (attempt) =>
      connection.newStream([protocol], { signal: attempt, runOnLimitedConnection: true }),
    ),
  );
}
