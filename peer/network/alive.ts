import type { Connection } from "@libp2p/interface";
import type { Runtime } from "../messaging/runtime.ts";
import type { NetworkLimits } from "./limits.ts";
import { ping } from "./muxer.ts";
import { within } from "./waiting.ts";

type Limit = { readonly runtime: Pick<Runtime, "after">; readonly limits: Pick<NetworkLimits, "aliveTimeoutMs"> };

/** Gives a connection that may be dead a moment to show that it is not. */
export function endUnlessAlive(connection: Connection, { runtime, limits }: Limit): void {
  const limit = { runtime, ms: limits.aliveTimeoutMs, signal: new AbortController().signal };
  within(limit, () => ping(connection)).catch((error: Error) => connection.abort(error));
}
