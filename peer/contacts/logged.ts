import { ChatError, isChatError } from "../../shared/errors.ts";
import type { NameRecord } from "../../shared/name-record.ts";
import type { KeyLog } from "../messaging/ports.ts";
import { isServerUnusable } from "./records.ts";

/** How old a verified copy of the log may be for a record that is known already. */
const COPY_MAX_AGE_MS = 60 * 60_000;

/**
 * Checks that a record which nobody here has relied on yet is the newest of its name in the log.
 *
 * @throws ChatError RECORD_ROLLBACK (reason `log`) where the log has a newer one; LOG_INVALID (reason `unlogged`) where it
 *   does not have this one; LOG_STALE; LOG_FORKED, also for a fork that was proven earlier; and as `KeyLog.sync`
 */
export async function assertLogged(log: KeyLog, record: NameRecord, signal?: AbortSignal): Promise<void> {
  if (newestOf(log, record) !== record.hash || log.status().stale) await log.sync({ signal });
  const { forked, stale } = log.status();
  if (forked) throw new ChatError("LOG_FORKED", "the naming server has signed two logs: nothing new of it is believed");
  if (stale) throw new ChatError("LOG_STALE", "the naming server's log has not been renewed for a day");
  assertNewest(log, record);
}

/**
 * Checks that a record which is pinned already has no successor in the log. Where the log cannot be asked, cannot be
 * trusted, or does not have the record at all, as after `trust`, the pin stands by itself.
 *
 * @throws ChatError RECORD_ROLLBACK (reason `log`)
 */
export async function assertNotSuperseded(log: KeyLog, record: NameRecord): Promise<void> {
  try {
    await log.sync({ maxAgeMs: COPY_MAX_AGE_MS });
  } catch (error) {
    if (!isServerUnusable(error) && !isChatError(error, "LOG_INVALID", "LOG_FORKED", "NOTE_INVALID")) throw error;
    return;
  }
  if (!log.status().forked && isLogged(log, record)) assertNewest(log, record);
}

function isLogged(log: KeyLog, { payload, hash }: NameRecord): boolean {
  return log.recordsOf(payload.name).some((logged) => logged.hash === hash);
}

function newestOf(log: KeyLog, { payload }: NameRecord): string | undefined {
  return log.recordsOf(payload.name).at(-1)?.hash;
}

function assertNewest(log: KeyLog, record: NameRecord): void {
  const { payload, hash } = record;
  if (newestOf(log, record) === hash) return;
  if (!isLogged(log, record)) {
    throw new ChatError(
      "LOG_INVALID",
      `the record ${payload.seq} of ${payload.name} is not in the naming server's log`,
      {
        reason: "unlogged",
      },
    );
  }
  throw new ChatError("RECORD_ROLLBACK", `the server's log has a newer record of ${payload.name} than it shows`, {
    reason: "log",
  });
}
