import { chmodSync, lstatSync, readdirSync, realpathSync, type Stats } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { ChatError } from "../../shared/errors.ts";
import { makeDirectories } from "./make-directories.ts";
import { asStorageError } from "./storage-error.ts";

/** Where one profile lives: a directory of mode 0700 that is ours, with files of mode 0600. */
export interface ProfileDirectory {
  /** Absolute and free of symbolic links. */
  readonly path: string;
  /** The path of a file directly inside. */
  file(name: string): string;
}

type Place = { readonly home: string; readonly profile: string; readonly create: boolean };

const PROFILE_NAME = /^[a-z0-9-]{1,32}$/;
const FILE_NAME = /^[a-z0-9][a-z0-9.-]*$/;
const OTHERS_MAY_WRITE = 0o002;
const STICKY = 0o1000;

/**
 * Opens the directory of a profile, or makes it, and sees to it that nobody else can read what is inside: modes that are
 * too wide are narrowed, whatever others could have planted is refused.
 *
 * @throws ChatError USAGE (name), PROFILE_MISSING, PROFILE_UNSAFE, STORAGE
 */
export function openProfileDirectory({ home, profile, create }: Place): ProfileDirectory {
  if (!PROFILE_NAME.test(profile)) {
    throw new ChatError("USAGE", "a profile's name has 1 to 32 characters: a-z, 0-9 and hyphens");
  }
  return openDirectory({ home, profile, create });
}

/**
 * The same for a program that has no profiles: any directory, made where it is missing.
 *
 * @throws ChatError PROFILE_UNSAFE, STORAGE
 */
export function openPrivateDirectory(path: string): ProfileDirectory {
  const whole = resolve(path);
  return openDirectory({ home: dirname(whole), profile: basename(whole), create: true });
}

function openDirectory({ home, profile, create }: Place): ProfileDirectory {
  try {
    const parent = openHome(home, create, profile);
    assertNobodyCanSwap(parent);
    const path = join(parent, profile);
    openOwn(path, create, profile);
    for (const entry of readdirSync(path)) repairEntry(join(path, entry));
    return { path, file: (name) => fileIn(path, name) };
  } catch (error) {
    throw asStorageError(error);
  }
}

function openHome(home: string, create: boolean, profile: string): string {
  if (create) makeDirectories(home);
  try {
    return realpathSync(home);
  } catch (error) {
    if (isMissing(error)) throw missing(profile);
    throw error;
  }
}

/** Whoever may write to a directory above, and is not held back by its sticky bit, could put another in its place. */
function assertNobodyCanSwap(path: string): void {
  for (let above = path; ; above = dirname(above)) {
    const { mode } = lstatSync(above);
    if (hasModes && mode & OTHERS_MAY_WRITE && !(mode & STICKY)) {
      throw unsafe("parent", `everybody may write to ${above}, and it has no sticky bit`);
    }
    if (above === dirname(above)) return;
  }
}

function openOwn(path: string, create: boolean, profile: string): void {
  let found = find(path);
  if (found === undefined) {
    if (!create) throw missing(profile);
    makeDirectories(path);
    found = lstatSync(path);
  }
  if (found.isSymbolicLink()) throw unsafe("symlink", `${path} is a symbolic link`);
  if (!found.isDirectory()) throw unsafe("kind", `${path} is not a directory`);
  assertOwner(found, path);
  narrow(path, found, 0o700);
}

/** Runs once the directory is ours alone, so that nothing changes between the look and the repair. */
function repairEntry(path: string): void {
  const found = find(path);
  if (found === undefined) return;
  if (found.isSymbolicLink()) throw unsafe("symlink", `${path} is a symbolic link`);
  // A program that opens a pipe waits for its other end, deaf to every signal.
  if (!found.isFile() && !found.isDirectory() && !found.isSocket()) throw unsafe("kind", `${path} is not a file`);
  assertOwner(found, path);
  if (found.isFile() && found.nlink > 1) throw unsafe("hard-link", `${path} has a second name elsewhere`);
  narrow(path, found, found.isDirectory() ? 0o700 : 0o600);
}

function assertOwner(found: Stats, path: string): void {
  if (hasModes && found.uid !== process.geteuid?.()) throw unsafe("owner", `${path} belongs to another user`);
}

function narrow(path: string, found: Stats, mode: number): void {
  if (hasModes && (found.mode & 0o7777) !== mode) chmodSync(path, mode);
}

/** Windows has neither owners nor modes in this sense; a user's folder there is private by its access list. */
const hasModes = process.geteuid !== undefined;

function find(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function fileIn(directory: string, name: string): string {
  if (!FILE_NAME.test(name)) throw new ChatError("INTERNAL", `"${name}" is not the name of a profile's file`);
  return join(directory, name);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function missing(profile: string): ChatError {
  return new ChatError("PROFILE_MISSING", `there is no profile "${profile}" yet`);
}

function unsafe(reason: string, message: string): ChatError {
  return new ChatError("PROFILE_UNSAFE", message, { reason });
}
