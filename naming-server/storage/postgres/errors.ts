import { DatabaseError } from "pg";
import { ChatError, isChatError } from "../../../shared/errors.ts";

/** The transaction was undone in favour of another, and may well pass when it is run again. */
const RETRIED: ReadonlySet<string> = new Set(["40001", "40P01"]);

/** Lock and statement timeouts, and no connection left. */
const BUSY: ReadonlySet<string> = new Set(["55P03", "57014", "53300"]);
const CORRUPT: ReadonlySet<string> = new Set(["XX001", "XX002"]);

/**
 * By the first characters of SQLSTATE (PostgreSQL, appendix A): connection, read-only, authentication, database name,
 * resources, operator (a restart), system.
 */
const UNUSABLE = ["08", "25006", "28", "3D000", "53", "57P", "58"] as const;
const ENDS_CONNECTION = ["08", "57P"] as const;

export function sqlState(error: unknown): string | undefined {
  return error instanceof DatabaseError ? error.code : undefined;
}

export function isRetried(error: unknown): boolean {
  return RETRIED.has(sqlState(error) ?? "");
}

/** The constraint that refused a row that is there already. */
export function violatedConstraint(error: unknown): string | undefined {
  return error instanceof DatabaseError && error.code === "23505" ? error.constraint : undefined;
}

/** After a refusal the connection can go on; after anything else nobody knows what it is in the middle of. */
export function leavesConnection(error: unknown): boolean {
  if (isChatError(error)) return error.code !== "STORAGE";
  const code = sqlState(error);
  return code !== undefined && !ENDS_CONNECTION.some((start) => code.startsWith(start));
}

/** What the rest of the program understands of a fault in the database; anything else comes back as it was. */
export function storageError(error: unknown): unknown {
  const code = sqlState(error);
  if (code === undefined) return error;
  if (BUSY.has(code) || RETRIED.has(code))
    return new ChatError("SERVER_BUSY", "the database is busy", { cause: error });
  if (CORRUPT.has(code)) return new ChatError("STORE_CORRUPT", "the database is damaged", { cause: error });
  if (UNUSABLE.some((start) => code.startsWith(start))) return unreachable(error);
  return error;
}

export function unreachable(cause: unknown): ChatError {
  return new ChatError("STORAGE", "the database cannot be used now", { cause });
}
