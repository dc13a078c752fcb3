import { isChatError } from "../../../shared/errors.ts";
import type { Runtime } from "../../messaging/runtime.ts";
import type { NetworkLimits } from "../limits.ts";
import { pause, untilSilent, within } from "../waiting.ts";
import { keepProbing } from "./keep-probing.ts";
import type { Reservation } from "./reservations.ts";

type Keeping = {
  readonly runtime: Pick<Runtime, "monotonic" | "after" | "random">;
  readonly limits: NetworkLimits;
  readonly signal: AbortSignal;
  /** Resolves where the next look is to be made at once. */
  readonly poked: () => Promise<void>;
};

/**
 * Asks a relay whether it is there, for the place anew in time, and sees whether anything comes through it, until one of
 * these fails. A relay that is silent is given up; one that passes nothing on may still be of use to this side.
 */
export async function keepReservation(reservation: Reservation, keeping: Keeping): Promise<never> {
  const over = new AbortController();
  const signal = AbortSignal.any([keeping.signal, reservation.lost, over.signal]);
  const kept = { ...keeping, signal };
  try {
    return await Promise.race([keepAsking(reservation, kept), keepProbing(reservation, kept)]);
  } finally {
    over.abort(new Error("not kept"));
  }
}

async function keepAsking(reservation: Reservation, keeping: Keeping): Promise<never> {
  const { runtime, limits, signal, poked } = keeping;
  const renewAtMs = (lifetimeMs: number) => runtime.monotonic() + renewAfterMs(lifetimeMs, limits);
  const answer = <T>(ask: (attempt: AbortSignal) => Promise<T>) => answered(reservation, keeping, ask);
  let dueAtMs = renewAtMs(reservation.lifetimeMs);
  for (;;) {
    await pause({ runtime, ms: limits.relayPingIntervalMs, signal, until: poked() });
    if (runtime.monotonic() < dueAtMs) {
      await answer((attempt) => reservation.ping(attempt));
    } else {
      const { lifetimeMs } = await answer((attempt) => reservation.renew(attempt));
      dueAtMs = renewAtMs(lifetimeMs);
    }
  }
}

/** What this device sends may stand in an answer's way for long, and must not be lost for it: so silence alone is an end. */
async function answered<T>(
  reservation: Reservation,
  { runtime, limits, signal }: Pick<Keeping, "runtime" | "limits" | "signal">,
  ask: (attempt: AbortSignal) => Promise<T>,
): Promise<T> {
  return within({ runtime, ms: limits.relayAnswerMaxMs, signal }, async (attempt) => {
    const heard = () => reservation.heard();
    try {
      return await untilSilent({ runtime, ms: limits.relayPingTimeoutMs, signal: attempt, heard }, ask);
    } catch (error) {
      if (isChatError(error, "TIMED_OUT") && !attempt.aborted) reservation.abandon();
      throw error;
    }
  });
}

/** Half of its life, but soon enough for a wrong clock or a relay that forgets, and not all the time. */
function renewAfterMs(lifetimeMs: number, { renewMinMs, renewMaxMs }: NetworkLimits): number {
  return Math.min(Math.max(lifetimeMs / 2, renewMinMs), renewMaxMs);
}
