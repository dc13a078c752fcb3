import type { KeyLog, LogStatus } from "../../peer/messaging/ports/key-log.ts";
import { EMPTY_ROOT } from "../../shared/merkle.ts";
import type { NameRecord } from "../../shared/name-record.ts";
import type { Username } from "../../shared/username.ts";

/** A verified log in memory. */
export type MemoryLog = KeyLog & {
  /** What it says next; `syncs` counts the questions. */
  readonly facts: { status: Partial<LogStatus>; failure?: Error | undefined; syncs: number };
};

/** @param recordsOf  the records that it holds of a name, oldest first */
export function memoryLog(recordsOf: (username: Username) => readonly NameRecord[]): MemoryLog {
  const facts: MemoryLog["facts"] = { status: {}, syncs: 0 };
  return {
    facts,
    async sync() {
      facts.syncs += 1;
      if (facts.failure !== undefined) throw facts.failure;
    },
    recordsOf: (username, from = 0) =>
      recordsOf(username)
        .map(({ hash }, index) => ({ index, hash }))
        .slice(from),
    status: () => ({ size: 0, root: EMPTY_ROOT, signedAtMs: 0, stale: false, forked: false, ...facts.status }),
    notes: () => [],
    compare: async () => "agreed",
    agrees: () => undefined,
    keys: async () => ({ pinned: EMPTY_ROOT, shown: EMPTY_ROOT }),
    restart: async () => {},
  };
}
