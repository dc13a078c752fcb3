import { ChatError } from "../../shared/errors.ts";

/** Primary result codes of SQLite (the low byte of an extended one). */
const RESULT = { busy: 5, readOnly: 8, ioError: 10, corrupt: 11, full: 13, cannotOpen: 14, notADatabase: 26 } as const;
/** An I/O error by name that means no room: the shared-memory file could not grow. */
const SHARED_MEMORY_SIZE = 4874;
const NO_ROOM = new Set(["ENOSPC", "EDQUOT"]);

/**
 * Says in our terms what SQLite or the file system reports; anything else comes back as it is.
 *
 * STORAGE has the reason `full` (goes on once there is room), `busy`, or `io` (what is on disk is no longer known).
 */
export function asStorageError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof ChatError) return error;
  if ("errcode" in error) return fromSqlite(error, Number(error.errcode));
  if ("syscall" in error && "code" in error) return fromFileSystem(error, String(error.code));
  return error;
}

function fromSqlite(cause: Error, code: number): unknown {
  if (code === SHARED_MEMORY_SIZE) return full(cause);
  switch (code & 0xff) {
    case RESULT.full:
      return full(cause);
    case RESULT.ioError:
    case RESULT.readOnly:
    case RESULT.cannotOpen:
      return new ChatError("STORAGE", `the disk failed (SQLite ${code})`, { reason: "io", cause });
    case RESULT.busy:
      return new ChatError("STORAGE", "the database is in use", { reason: "busy", cause });
    case RESULT.corrupt:
    case RESULT.notADatabase:
      return new ChatError("STORE_CORRUPT", `the database is damaged (SQLite ${code})`, { cause });
    default:
      return cause;
  }
}

function fromFileSystem(cause: Error, code: string): ChatError {
  if (NO_ROOM.has(code)) return full(cause);
  return new ChatError("STORAGE", `the disk failed (${code})`, { reason: "io", cause });
}

function full(cause: Error): ChatError {
  return new ChatError("STORAGE", "the disk is full", { reason: "full", cause });
}
