import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { ChatError } from "../../shared/errors.ts";
import { asStorageError } from "./storage-error.ts";

/**
 * Makes a directory, with those above it that are missing; one that is there stays as it is. Node's own `recursive` never
 * ends where a directory that is there lets nothing be made in it, such as `/proc`.
 *
 * @throws ChatError STORAGE
 */
export function makeDirectories(path: string): void {
  if (isDirectory(path)) return;
  const above = dirname(path);
  if (above !== path) makeDirectories(above);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Somebody else made it meanwhile.
    if (!isDirectory(path)) throw cannotMake(path, error);
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch (error) {
    throw cannotMake(path, error);
  }
}

function cannotMake(path: string, cause: unknown): ChatError {
  const { reason } = asStorageError(cause);
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
  return new ChatError("STORAGE", `the directory ${path} cannot be made (${code})`, { reason: reason ?? "io", cause });
}
