import { type Runtime, unhurriedClock } from "./runtime.ts";

/**
 * What the naming server's time was found to be ahead of this computer's, and when this computer was started by its own
 * clock: as long as that is the same, nobody has set the clock.
 */
export type KeptOffset = { readonly offsetMs: number; readonly bootedAtMs: number };

export interface ExpiryClock {
  /** For what has expired, milliseconds since the Unix epoch. No leap of this computer's clock moves it ahead. */
  now(): number;
  /** For when a text that is written now is to expire. */
  ofWriting(): number;
  /** Whether the naming server was heard, now or earlier, since this computer was started or somebody set its clock. */
  isChecked(): boolean;
  /** The naming server says what the time is. */
  hear(serverTimeMs: number): void;
}

export type ExpiryClockOptions = {
  readonly runtime: Pick<Runtime, "now" | "monotonic">;
  /** How long this computer has been running. */
  readonly uptimeMs: () => number;
  readonly kept: KeptOffset | undefined;
  readonly keep: (offset: KeptOffset) => void;
};

/**
 * A naming server that lies makes texts expire this much too early or too late, and no more. A clock in the wrong time zone
 * is off by at most this.
 */
const TRUST_MS = 26 * 3_600_000;
/** As clocks may differ everywhere. */
const TOLERANCE_MS = 30_000;
/** By so much a clock that is gently put right moves against the time since the start. */
const DRIFT_MS = 5 * 60_000;

/** The naming server's time, as far as it is to be believed: what expires is forgotten for good. */
export function createExpiryClock({ runtime, uptimeMs, kept, keep }: ExpiryClockOptions): ExpiryClock {
  const unhurried = unhurriedClock(runtime);
  const bootedAtMs = () => runtime.now() - uptimeMs();
  const isOf = (offset: KeptOffset) => Math.abs(offset.bootedAtMs - bootedAtMs()) <= DRIFT_MS;
  let known = kept;
  const offsetMs = kept === undefined ? 0 : offsetAtStart(kept.offsetMs, isOf(kept));
  let ahead = { wall: offsetMs, unhurried: offsetMs };

  function remember(offset: KeptOffset): void {
    if (known !== undefined && isOf(known) && Math.abs(offset.offsetMs - known.offsetMs) <= TOLERANCE_MS) return;
    known = offset;
    keep(offset);
  }

  return {
    now: () => unhurried() + ahead.unhurried,
    ofWriting: () => runtime.now() + ahead.wall,
    isChecked: () => known !== undefined && isOf(known),
    hear(serverTimeMs) {
      const [wallMs, unhurriedMs] = [runtime.now(), unhurried()];
      const timeMs = believed(serverTimeMs, wallMs, unhurriedMs);
      ahead = { wall: timeMs - wallMs, unhurried: timeMs - unhurriedMs };
      remember({ offsetMs: ahead.wall, bootedAtMs: bootedAtMs() });
    },
  };
}

/** What was found against a clock that may have been set since makes nothing expire early. */
function offsetAtStart(keptMs: number, isSameClock: boolean): number {
  const boundedMs = Math.max(-TRUST_MS, Math.min(keptMs, TRUST_MS));
  return isSameClock ? boundedMs : Math.min(0, boundedMs);
}

/** A clock that leaps, and one that falls behind where a computer sleeps, are seldom wrong at the same time. */
function believed(serverMs: number, wallMs: number, unhurriedMs: number): number {
  if (Math.abs(serverMs - wallMs) <= TOLERANCE_MS) return wallMs;
  const [byWall, byUnhurried] = [within(serverMs, wallMs), within(serverMs, unhurriedMs)];
  return Math.abs(serverMs - byUnhurried) < Math.abs(serverMs - byWall) ? byUnhurried : byWall;
}

function within(serverMs: number, localMs: number): number {
  return Math.max(localMs - TRUST_MS, Math.min(serverMs, localMs + TRUST_MS));
}
