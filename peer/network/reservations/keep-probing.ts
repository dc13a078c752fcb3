import type { Runtime } from "../../messaging/runtime.ts";
import type { NetworkLimits } from "../limits.ts";
import { pause, within } from "../waiting.ts";
import { notForwarded } from "./relay-probe.ts";
import type { Reservation } from "./reservations.ts";

type Keeping = {
  readonly runtime: Pick<Runtime, "after" | "random">;
  readonly limits: Pick<NetworkLimits, "relayPingIntervalMs" | "relayProbeIntervalMs" | "relayProbeTimeoutMs">;
  readonly signal: AbortSignal;
};

/** In a row: one may be lost where this process stands still, or a line is full. */
const MISSES = 2;

/**
 * Sees now and then whether anything comes through a relay, until nothing does.
 *
 * @throws ChatError PEER_UNREACHABLE with reason `forwarding`, or the signal's reason
 */
export async function keepProbing(reservation: Pick<Reservation, "probe">, keeping: Keeping): Promise<never> {
  const { runtime, limits, signal } = keeping;
  let misses = 0;
  let waitMs: number = limits.relayPingIntervalMs;
  for (;;) {
    await pause({ runtime, ms: waitMs, signal });
    try {
      await within({ runtime, ms: limits.relayProbeTimeoutMs, signal }, (attempt) => reservation.probe(attempt));
      misses = 0;
      waitMs = limits.relayProbeIntervalMs * (0.5 + runtime.random() / 2);
    } catch (error) {
      signal.throwIfAborted();
      misses += 1;
      if (misses === MISSES) throw notForwarded(error);
      waitMs = limits.relayPingIntervalMs;
    }
  }
}
