import { setTimeout as sleep } from "node:timers/promises";
import { findDaemon, type ReachContext, type Reached } from "./reach-profile.ts";

const POLL_MS = 200;
const GREETING_MS = 5000;

export type Returning = {
  /** Nobody waits any more. */
  readonly signal: AbortSignal;
  /** Do without a daemon at once. */
  readonly hurry: AbortSignal;
  /** Whoever restarts a daemon is to find the lock free for so long. Undefined: for good. */
  readonly daemonPatienceMs: number | undefined;
};

/**
 * The profile again after its daemon ended: through the next one, or else, where that is wanted, with the lock. Undefined
 * once `signal` says so.
 *
 * @throws ChatError DAEMON_MISMATCH, PROFILE_MISSING, PROFILE_UNSAFE
 */
export async function returnToProfile(context: ReachContext, returning: Returning): Promise<Reached | undefined> {
  const { signal, hurry, daemonPatienceMs } = returning;
  const here = { ...context, interruption: { signal } };
  const patience = daemonPatienceMs === undefined ? undefined : AbortSignal.timeout(daemonPatienceMs);
  while (!signal.aborted) {
    const client = await findDaemon(here, GREETING_MS);
    if (client !== undefined) return { kind: "daemon", client };
    if (patience !== undefined && (patience.aborted || hurry.aborted)) {
      const { dependencies, settings } = context;
      const directory = dependencies.openDirectory({ home: settings.home, profile: settings.profile, create: false });
      const lock = await dependencies.tryLock(directory);
      if ("release" in lock) return { kind: "lock", lock, directory };
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}
