import { randomBytes } from "node:crypto";
import { existsSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { createPrivateFile } from "./private-file.ts";

const RESERVE_BYTES = 1024 * 1024;
/** The reserve is made anew only where its making does not fill the disk. */
const ROOM_FACTOR = 4;

/**
 * Room put aside while there is some: on a full disk SQLite in WAL mode cannot even delete. Neither function throws: a
 * reserve is a help, its absence no failure.
 */
export interface ReserveFile {
  /** Gives the room back to the disk; true when there was any to give. */
  release(): boolean;
  /** Puts room aside again where there is enough; true when it is there. */
  restore(): boolean;
}

export function reserveFile(path: string): ReserveFile {
  return {
    release: () => quietly(() => remove(path)),
    restore: () => existsSync(path) || quietly(() => hasRoom(path) && fill(path)),
  };
}

function quietly(work: () => boolean): boolean {
  try {
    return work();
  } catch {
    return false;
  }
}

function remove(path: string): boolean {
  if (!existsSync(path)) return false;
  rmSync(path, { force: true });
  return true;
}

function hasRoom(path: string): boolean {
  const { bavail, bsize } = statfsSync(dirname(path));
  return bavail * bsize >= ROOM_FACTOR * RESERVE_BYTES;
}

/** Random bytes, since a file system that compresses would keep no room for zeros. */
function fill(path: string): boolean {
  try {
    createPrivateFile(path);
    writeFileSync(path, randomBytes(RESERVE_BYTES), { flush: true });
    return true;
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
}
