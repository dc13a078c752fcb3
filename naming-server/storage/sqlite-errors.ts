import { ChatError } from "../../shared/errors.ts";

/** Primary result codes of SQLite (sqlite.org/rescode.html). */
const PERM = 3;
const BUSY = 5;
const LOCKED = 6;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

const UNUSABLE: ReadonlySet<number> = new Set([PERM, READONLY, IOERR, FULL, CANTOPEN]);

function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined;
  return error.errcode & 0xff;
}

/** What the rest of the program understands of a fault in the database; anything else comes back as it was. */
export function storageError(error: unknown): unknown {
  const code = resultCode(error);
  if (code === undefined) return error;
  if (code === BUSY || code === LOCKED) return new ChatError("SERVER_BUSY", "the database is busy", { cause: error });
  if (UNUSABLE.has(code)) return new ChatError("STORAGE", "the database cannot be used now", { cause: error });
  if (code === CORRUPT || code === NOTADB) {
    return new ChatError("STORE_CORRUPT", "the database is damaged", { cause: error });
  }
  return error;
}

/** True when the database itself failed, so that no statement of the transaction can be relied on. */
export function isStorageFault(error: unknown): boolean {
  return storageError(error) !== error;
}
