import type { Connection } from "@libp2p/interface";
import { PING_PROTOCOL } from "./circuit-protocols.ts";
import { isUnsupportedProtocol } from "./dial-failure.ts";

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
