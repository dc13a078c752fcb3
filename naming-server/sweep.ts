import { LIMITS } from "../shared/protocol.ts";
import { SERVER_LIMITS } from "./limits.ts";
import type { TransparencyLog } from "./log/transparency-log.ts";
import type { SigningKeys } from "./signing-keys.ts";
import type { Store } from "./storage/store.ts";

type Upkeep = {
  readonly store: Store;
  readonly keys: SigningKeys;
  readonly log: Pick<TransparencyLog, "renew">;
  readonly now: () => number;
};

/**
 * Makes the periodic upkeep: rotates keys, renews the log's checkpoint and forgets what has expired. A used assertion is
 * forgotten only once several sweeps in a row, which timers space and not the clock, have seen it expire: a clock that
 * leaps ahead and comes back must not reopen it.
 */
export function createSweep({ store, keys, log, now }: Upkeep) {
  const seen: number[] = [];
  const forget = async () => {
    seen.push(Math.floor(now() / 1000));
    if (seen.length > SERVER_LIMITS.sweepsThatAgree) seen.shift();
    if (seen.length < SERVER_LIMITS.sweepsThatAgree) return;
    const past = Math.min(...seen) - LIMITS.clockSkewSeconds;
    const claims = past - SERVER_LIMITS.claimedKeyPackageSeconds;
    const transitions = past - SERVER_LIMITS.presenceHistorySeconds;
    const records = { addresses: past, mailboxes: past, relays: past };
    await store.forgetExpired({ ...records, assertions: past, claims, transitions, allowances: past });
  };
  // What one of them cannot do now is no reason to leave the others.
  return async function sweep(): Promise<void> {
    await Promise.all([keys.rotate(), log.renew(), forget()]);
  };
}
