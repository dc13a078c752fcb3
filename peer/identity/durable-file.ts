import { type FileHandle, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { asStorageError } from "./storage-error.ts";

/**
 * The whole file, or undefined where there is none.
 *
 * @throws ChatError STORAGE
 */
export async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw asStorageError(error);
  }
}

/**
 * Puts the whole file there or leaves the old one: a reader sees either, also after a power failure. Mode 0600 whatever
 * the umask. Callers hold the profile lock; the name of the half-written file is fixed, so that a crash leaves one at
 * most and the next write replaces it.
 *
 * @throws ChatError STORAGE
 */
export async function writeFileDurably(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.new`;
  try {
    await rm(draft, { force: true });
    await writeSynced(draft, bytes);
    await rename(draft, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw asStorageError(error);
  }
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "wx", 0o600);
  await closing(file, async () => {
    await file.chmod(0o600);
    await file.writeFile(bytes);
    await file.sync();
  });
}

/** A rename is on disk once its directory is. Windows cannot open directories and needs no such step. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const directory = await open(path, "r");
  await closing(directory, () => directory.sync());
}

async function closing(file: FileHandle, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } finally {
    await file.close();
  }
}
