import type { LogEvidence } from "../../peer/messaging/store/log.ts";
import { createKeyLog } from "../../peer/naming/log/key-log.ts";
import { openedStore } from "./opened-store.ts";
import { AUDIENCE, NOW_MS } from "./people.ts";
import { leavesOf, SignedLog } from "./signed-log.ts";

/** A client's copy of a log, with the clock and the store that it uses. */
export function startKeyLog(source = new SignedLog(leavesOf(3)), store = openedStore()) {
  const clock = { ms: NOW_MS };
  const forks: LogEvidence[] = [];
  const onFork = (evidence: LogEvidence) => void forks.push(evidence);
  const log = createKeyLog({ source, store, audience: () => AUDIENCE, now: () => clock.ms, onFork });
  return { source, store, clock, forks, log };
}

/** One that has verified three leaves, and whose server goes on as `source`. */
export async function syncedKeyLog() {
  const it = startKeyLog();
  await it.log.sync();
  return it;
}
