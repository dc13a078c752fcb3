import { ChatError, isChatError } from "../../shared/errors.ts";
import type { NameRecord } from "../../shared/name-record.ts";
import type { KeyLog } from "../messaging/ports/key-log.ts";
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
  let place = placeOf(log, record);
  if (place !== "newest" || log.status().stale) {
    await log.sync({ signal });
    place = placeOf(log, record);
  }
  const { forked, stale } = log.status();
  if (forked) throw new ChatError("LOG_FORKED", "the naming server has signed two logs: nothing new of it is believed");
  if (stale) throw new ChatError("LOG_STALE", "the naming server's log has not been renewed for a day");
  if (place === "absent") throw unlogged(record);
  if (place === "superseded") throw superseded(record);
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
    if (!isServerUnusable(error) && !isLogWrong(error)) throw error;
    return;
  }
  if (!log.status().forked && placeOf(log, record) === "superseded") throw superseded(record);
}

const isLogWrong = (error: unknown) => isChatError(error, "LOG_INVALID", "LOG_FORKED", "NOTE_INVALID", "KEY_INVALID");

/** One walk through the log, which may be long. */
function placeOf(log: KeyLog, { payload, hash }: NameRecord): "newest" | "superseded" | "absent" {
  const logged = log.recordsOf(payload.name);
  if (logged.at(-1)?.hash === hash) return "newest";
  return logged.some((other) => other.hash === hash) ? "superseded" : "absent";
}

function unlogged({ payload: { name, seq } }: NameRecord): ChatError {
  const message = `the record ${seq} of ${name} is not in the naming server's log`;
  return new ChatError("LOG_INVALID", message, { reason: "unlogged" });
}

function superseded({ payload: { name } }: NameRecord): ChatError {
  const message = `the server's log has a newer record of ${name} than it shows`;
  return new ChatError("RECORD_ROLLBACK", message, { reason: "log" });
}
