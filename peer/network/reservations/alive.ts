import type { Connection } from "@libp2p/interface";
import type { Runtime } from "../../messaging/runtime.ts";
import type { NetworkLimits } from "../limits.ts";
import { ping } from "../transport/muxer.ts";
import { bytesHeard } from "../transport/tcp.ts";
import { within } from "../waiting.ts";

type Limit = { readonly runtime: Pick<Runtime, "after">; readonly limits: Pick<NetworkLimits, "aliveTimeoutMs"> };

/** Gives a connection that may be dead a moment to show that it is not. */
export function endUnlessAlive(connection: Connection, limit: Limit): void {
  answered(connection, limit).catch((error: Error) => connection.abort(error));
}

/**
 * The same, but whatever else comes in shows it too: on a slow line the answer waits behind that. Not for a process that
 * stood still, which hears then what came in before. Resolves when it is decided.
 */
export async function endIfSilent(connection: Connection, limit: Limit): Promise<void> {
  const before = bytesHeard(connection);
  try {
    await answered(connection, limit);
  } catch (error) {
    if (bytesHeard(connection) === before) connection.abort(new Error("nothing was heard", { cause: error }));
  }
}

function answered(connection: Connection, { runtime, limits }: Limit): Promise<void> {
  const limit = { runtime, ms: limits.aliveTimeoutMs, signal: new AbortController().signal };
  return within(limit, () => ping(connection));
}
