import type { Connection } from "@libp2p/interface";
import type { Runtime } from "../messaging/runtime.ts";
import { PING_PROTOCOL } from "./circuit-protocols.ts";
import { isUnsupportedProtocol } from "./dial-failure.ts";
import type { NetworkLimits } from "./limits.ts";
import { within } from "./waiting.ts";

/**
 * Resolves once the other side has answered anything at all.
 *
 * @throws whatever libp2p throws where the connection is dead, or the signal's reason
 */
export async function assertAlive(connection: Connection, signal: AbortSignal): Promise<void> {
  try {
    const stream = await connection.newStream([PING_PROTOCOL], { signal, runOnLimitedConnection: true });
    stream.close().catch((error: Error) => stream.abort(error));
  } catch (error) {
    if (!isUnsupportedProtocol(error)) throw error;
  }
}

type Limit = { readonly runtime: Pick<Runtime, "after">; readonly limits: Pick<NetworkLimits, "aliveTimeoutMs"> };

/** Gives a connection that may be dead a moment to show that it is not. */
export function endUnlessAlive(connection: Connection, { runtime, limits }: Limit): void {
  const limit = { runtime, ms: limits.aliveTimeoutMs, signal: new AbortController().signal };
  within(limit, (signal) => assertAlive(connection, signal)).catch((error: Error) => connection.abort(error));
}
