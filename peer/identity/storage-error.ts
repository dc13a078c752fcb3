import { ChatError } from "../../shared/errors.ts";

const NO_ROOM = new Set(["ENOSPC", "EDQUOT"]);

/** What the file system says, as STORAGE: reason `full` when there is no room, else `io`. */
export function asStorageError(cause: unknown): ChatError {
  if (cause instanceof ChatError) return cause;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
  const reason = NO_ROOM.has(code) ? "full" : "io";
  return new ChatError("STORAGE", `the profile's folder cannot be used (${code})`, { reason, cause });
}
