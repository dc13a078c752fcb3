import type { AuditProblem } from "../messaging/keys/audit-finding.ts";
import type { KeyAudit } from "../messaging/operations/keys.ts";
import { localTime } from "./instant.ts";
import { table } from "./table.ts";
import { visibleMessage, visibleReason } from "./visible-text.ts";

const CHANGES = {
  first: "first",
  rotation: "new key, by the one before",
  recovery: "new key, by the recovery key",
  devices: "devices",
  other: "-",
} as const;

const HEADING = ["seq", "log", "issued", "change", "fingerprint"];

/** Every record with its place in the log, and the verdict; text of the server has been made visible. */
export function describeAudit({ username, verdict, problems, records, log }: KeyAudit): string {
  const rows = records.map(({ seq, position, issuedAt, change, fingerprint }) => {
    return [String(seq), String(position ?? "none"), localTime(issuedAt), CHANGES[change], fingerprint];
  });
  const signed = log.signedAt === null ? "never" : localTime(log.signedAt);
  return [
    ...(rows.length === 0 ? [] : [table([HEADING, ...rows])]),
    `log: ${log.size} entries, signed ${signed}`,
    ...problems.map(describeProblem),
    verdict === "ok"
      ? `ok: the log has every record of ${username}, and no other`
      : `bad: do not trust what the server shows of ${username}`,
  ].join("\n");
}

function describeProblem({ code, message, notes = [] }: AuditProblem): string {
  return [`* ${code}: ${visibleReason(message)}`, ...notes.map((note) => `  | ${visibleMessage(note)}`)].join("\n");
}
