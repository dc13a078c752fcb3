import { setTimeout as sleep } from "node:timers/promises";
import { findDaemon, type ReachContext, type Reached } from "./reach-profile.ts";

const POLL_MS = 200;
const GREETING_MS = 5000;

export type Returning = {
  /** Nobody waits any more. */
  readonly signal: AbortSignal;
  /** From now on the lock will do as well. Not before: whoever starts the daemon again is to find it free. */
  readonly hurry: AbortSignal;
};

/**
 * The profile again after its daemon ended: through the next one, or else, where that is wanted, with the lock. Undefined
 * once `signal` says so.
 *
 * @throws ChatError DAEMON_MISMATCH, PROFILE_MISSING, PROFILE_UNSAFE
 */
export async function returnToProfile(context: ReachContext, returning: Returning): Promise<Reached | undefined> {
  const { signal, hurry } = returning;
  const here = { ...context, interruption: { signal } };
  while (!signal.aborted) {
    const client = await findDaemon(here, GREETING_MS);
    if (client !== undefined) return { kind: "daemon", client };
    if (hurry.aborted) {
      const { dependencies, settings } = context;
      const directory = dependencies.openDirectory({ home: settings.home, profile: settings.profile, create: false });
      const lock = await dependencies.tryLock(directory);
      if ("release" in lock) return { kind: "lock", lock, directory };
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}
