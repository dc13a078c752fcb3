import { closeSync, fchmodSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { ChatError } from "../../shared/errors.ts";
import type { ProfileDirectory } from "./profile-directory.ts";
import { asStorageError } from "./storage-error.ts";

export interface ProfileLock {
  /** Idempotent. */
  release(): void;
}

/** Somebody else holds the lock; the pid is missing in the instant between taking it and saying so. */
export type LockHolder = { readonly heldBy: number | undefined };

const POLL_MS = 25;
const SQLITE_BUSY = 5;

/** The kernel's lock goes with its handle, and a handle that nothing refers to is collected. */
const held = new Set<DatabaseSync>();

/**
 * Takes the profile for this process, or says who has it. The lock is an exclusive SQLite transaction on the empty file
 * `lock`: the kernel frees it however the process ends. POSIX drops a process's locks on a file when it closes *any*
 * descriptor of it, so nothing else may open that file.
 *
 * @throws ChatError STORAGE
 */
export function tryAcquireProfileLock(directory: ProfileDirectory): ProfileLock | LockHolder {
  const pidFile = directory.file("lock.pid");
  try {
    const handle = openExclusively(directory.file("lock"));
    if (handle === undefined) return { heldBy: readPid(pidFile) };
    held.add(handle);
    writePid(pidFile);
    return { release: () => release(handle, pidFile) };
  } catch (error) {
    throw asStorageError(error);
  }
}

/**
 * Waits for the profile.
 *
 * @throws ChatError PROFILE_BUSY (`details.pid`) once the time is over, INTERRUPTED, STORAGE
 */
export async function acquireProfileLock(
  directory: ProfileDirectory,
  { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal | undefined },
): Promise<ProfileLock> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const ended = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
  for (;;) {
    if (signal?.aborted) throw new ChatError("INTERRUPTED", "interrupted while waiting for the profile");
    const answer = tryAcquireProfileLock(directory);
    if ("release" in answer) return answer;
    if (deadline.aborted) throw busy(answer.heldBy);
    await sleep(POLL_MS, undefined, { signal: ended }).catch(() => undefined);
  }
}

function busy(pid: number | undefined): ChatError {
  const who = pid === undefined ? "another process" : `process ${pid}`;
  return new ChatError("PROFILE_BUSY", `${who} is using this profile`, { details: { pid } });
}

function openExclusively(path: string): DatabaseSync | undefined {
  createPrivately(path);
  const handle = new DatabaseSync(path, { timeout: 0 });
  try {
    handle.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    return handle;
  } catch (error) {
    handle.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
}

/** Fails before it opens a file that is there. */
function createPrivately(path: string): void {
  try {
    const descriptor = openSync(path, "wx", 0o600);
    fchmodSync(descriptor, 0o600);
    closeSync(descriptor);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && Number(error.errcode) % 256 === SQLITE_BUSY;
}

/** Only informs: a full disk must not deny the profile to whoever wants to tidy up. */
function writePid(path: string): void {
  try {
    rmSync(path, { force: true });
    createPrivately(path);
    writeFileSync(path, `${process.pid}\n`);
  } catch {
    rmSync(path, { force: true });
  }
}

/** A pid left behind by a process that was killed is not the holder's. */
function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, "latin1"));
    return Number.isInteger(pid) && pid > 0 && isAlive(pid) ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function release(handle: DatabaseSync, pidFile: string): void {
  if (!held.delete(handle)) return;
  rmSync(pidFile, { force: true });
  handle.close();
}
