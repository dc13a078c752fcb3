import { ChatError, isChatError } from "../../../shared/errors.ts";
import { fingerprintOf } from "../../../shared/fingerprint.ts";
import { readAddressee } from "../addressee.ts";
import { isoTime } from "../feed/message-view.ts";
import type { MessengerDeps } from "../messenger.ts";
import type { AuditRecordView, KeyAudit, KeyView, LogKeys, LogState, LogView } from "../operations/keys.ts";
import type { Operations } from "../operations.ts";
import type { LogStatus } from "../ports/key-log.ts";
import type { AuditedRecord } from "./audit.ts";
import { logCodeOf } from "./log-watch.ts";

/** How old a verified copy of the log will do for being shown. */
const COPY_MAX_AGE_MS = 60 * 60_000;

/** What concerns keys and the log that they stand in. */
export function keyOperations(
  deps: MessengerDeps,
): Pick<Operations, "keyAudit" | "keyShow" | "keyRotate" | "keyTrustLog"> {
  return {
    keyAudit: ({ username }) => audit(deps, username),
    keyShow: () => show(deps),
    keyRotate: () => deps.rotateIdentity(),
    keyTrustLog: ({ accept }) => trustLog(deps, accept),
  };
}

async function audit({ auditor, server }: MessengerDeps, typed: string): Promise<KeyAudit> {
  const { username, records, problems, log } = await auditor.audit(readAddressee(typed, server));
  return {
    username,
    verdict: problems.length === 0 ? "ok" : "bad",
    problems,
    records: records.map(viewRecord),
    log: {
      size: log.size,
      root: Buffer.from(log.root).toString("base64"),
      signedAt: signedAt(log),
      stale: log.stale,
      forked: log.forked,
    },
  };
}

function viewRecord({ record, index, change }: AuditedRecord): AuditRecordView {
  const { payload, identity, devices } = record;
  return {
    seq: payload.seq,
    position: index ?? null,
    issuedAt: isoTime(payload.iat * 1000),
    change,
    fingerprint: fingerprintOf(identity),
    devices,
  };
}

async function show({ self, resolver, keyLog }: MessengerDeps): Promise<KeyView> {
  const { username } = self;
  const { record } = await resolver.inspect(username);
  const find = () => keyLog.recordsOf(username).find(({ hash }) => hash === record.hash)?.index;
  if (find() === undefined) await keyLog.sync();
  const { identity, devices, payload } = record;
  return { username, fingerprint: fingerprintOf(identity), devices, seq: payload.seq, position: find() ?? null };
}

/** A server that was put back from a backup begins a new log: whether to believe it is for people to say. */
async function trustLog({ keyLog }: MessengerDeps, accept: string | undefined): Promise<LogKeys> {
  const { pinned, shown } = await keyLog.keys();
  const keys = { oldFingerprint: fingerprintOf(pinned), newFingerprint: fingerprintOf(shown) };
  if (keys.oldFingerprint === keys.newFingerprint) return { ...keys, accepted: true };
  if (accept === undefined) return { ...keys, accepted: false };
  if (accept !== keys.newFingerprint) {
    throw new ChatError("KEY_CHANGED", "the key of the naming server's log has changed again; nothing was accepted", {
      details: keys,
    });
  }
  await keyLog.restart(shown);
  return { ...keys, accepted: true };
}

/** Asks for what is new, unless that was done within the hour. */
export async function viewLog(
  { keyLog, logFinding }: Pick<MessengerDeps, "keyLog" | "logFinding">,
  signal: AbortSignal,
): Promise<LogView> {
  const failed = await keyLog.sync({ maxAgeMs: COPY_MAX_AGE_MS, signal }).then(() => undefined, logFailure);
  const status = keyLog.status();
  return { size: status.size, signedAt: signedAt(status), state: stateOf(status, logFinding()?.code ?? failed) };
}

function logFailure(error: unknown) {
  if (!isChatError(error)) throw error;
  return logCodeOf(error);
}

function stateOf({ forked, stale, signedAtMs }: LogStatus, found: Exclude<LogState, "ok"> | undefined): LogState {
  if (forked) return "LOG_FORKED";
  if (found !== undefined) return found;
  if (signedAtMs === undefined) return "unknown";
  return stale ? "LOG_STALE" : "ok";
}

const signedAt = ({ signedAtMs }: LogStatus) => (signedAtMs === undefined ? null : isoTime(signedAtMs));
