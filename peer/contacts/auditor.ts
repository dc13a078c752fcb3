import { type ChatError, isChatError } from "../../shared/errors.ts";
import { type NameRecord, parseNameRecord } from "../../shared/name-record.ts";
import type { Username } from "../../shared/username.ts";
import type { Auditor, NameAudit } from "../messaging/keys/audit.ts";
import type { AuditProblem } from "../messaging/keys/audit-finding.ts";
import type { KeyLog } from "../messaging/ports/key-log.ts";
import type { NamingServer } from "../messaging/ports/naming-server.ts";
import type { Self } from "../messaging/self.ts";
import { auditName } from "./audit.ts";
import { type Records, recordsOf } from "./records.ts";

export type AuditorOptions = {
  readonly server: Pick<NamingServer, "lookup" | "history">;
  /** The record by which this profile knows somebody, or itself; undefined for strangers. */
  readonly known: (username: Username) => string | undefined;
  readonly log: KeyLog;
  readonly audience: () => string;
  readonly own: Pick<Self, "username" | "identity" | "device">;
};

/** Audits names: asks for every record and for what is new in the log, and compares. */
export function createAuditor({ server, known, log, audience, own }: AuditorOptions): Auditor {
  const records = recordsOf(server, audience);

  async function auditOnce(username: Username, signal?: AbortSignal): Promise<NameAudit> {
    const shown = await collect(records, username, signal);
    const failures = await syncOr(log, signal);
    const logged = log.recordsOf(username);
    const pin = known(username);
    if (shown.unknown !== undefined && logged.length === 0 && pin === undefined) throw shown.unknown;
    const status = log.status();
    const audit = await auditName({
      ...shown,
      logged,
      log: status,
      notes: log.notes(),
      pinned: pin === undefined ? undefined : parseNameRecord(pin),
      own: username === own.username ? own : undefined,
    });
    const found = new Set(audit.problems.map(({ code }) => code));
    const others = [...failures, ...shown.problems].filter(({ code }) => code !== "LOG_FORKED" || !found.has(code));
    return { username, records: audit.records, problems: [...others, ...audit.problems], log: status };
  }

  return {
    async audit(username, signal) {
      const audit = await auditOnce(username, signal);
      // A record may have been accepted between the questions.
      return audit.problems.some(({ reason }) => PASSING.has(reason)) ? auditOnce(username, signal) : audit;
    },
  };
}

const PASSING = new Set(["unlogged", "withheld", "newest"]);

type Shown = {
  readonly records: readonly NameRecord[];
  readonly newest: NameRecord | undefined;
  readonly problems: readonly AuditProblem[];
  readonly unknown?: ChatError;
};

/** The newest record is asked for last: by then the log covers all of them. */
async function collect(records: Records, username: Username, signal?: AbortSignal): Promise<Shown> {
  const nothing = { records: [], newest: undefined, problems: [] };
  try {
    const history = await records.historyOf(username, signal)(0);
    const { record } = await records.ask(username, signal);
    return { records: history, newest: record, problems: [] };
  } catch (error) {
    if (isChatError(error, "NAME_UNKNOWN")) return { ...nothing, unknown: error };
    if (!isChatError(error, "RECORD_INVALID", "KEY_INVALID")) throw error;
    return { ...nothing, problems: [problemOf(error)] };
  }
}

async function syncOr(log: KeyLog, signal?: AbortSignal): Promise<AuditProblem[]> {
  try {
    await log.sync({ signal });
    return [];
  } catch (error) {
    if (!isChatError(error, "LOG_INVALID", "LOG_FORKED", "NOTE_INVALID")) throw error;
    return [problemOf(error)];
  }
}

function problemOf({ code, reason, message }: ChatError): AuditProblem {
  return { code, reason: reason ?? "log", message };
}
