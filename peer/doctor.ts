import { existsSync, lstatSync, readdirSync, readFileSync, statfsSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { dirname, join } from "node:path";
import { asChatError } from "../shared/errors.ts";
import { ipScope } from "../shared/ip-scope.ts";
import { LIMITS } from "../shared/protocol.ts";
import type { AddressKind, Doctor, ProfileInsight } from "./cli/context.ts";
import { inspectDatabase } from "./history/inspect-database.ts";
import { parseKeystoreFile } from "./identity/keystore-file.ts";
import { findProfile } from "./identity/profile-file.ts";
import type { Trouble } from "./messaging/operations/status.ts";
import { systemRuntime } from "./messaging/runtime.ts";
import { probeServer } from "./naming/probe-server.ts";
import { DATABASE_FILE, KEYSTORE_FILE, PROFILE_FILE, readAuthorities } from "./open-profile.ts";

const OTHERS = 0o077;

/** What can be seen from outside a profile; nothing of it is changed. */
export const doctor: Doctor = {
  inspectProfile,
  probeServer: ({ settings, url, signal }) =>
    probeServer({
      url,
      allowHttp: settings.allowHttp,
      ca: readAuthorities(settings),
      now: () => systemRuntime.now(),
      signal,
    }),
  kindOf,
  ownKinds: () =>
    Object.values(networkInterfaces())
      .flatMap((entries) => entries ?? [])
      .map(({ address }) => scopeOf(address)),
};

async function inspectProfile({ home, profile }: { home: string; profile: string }): Promise<ProfileInsight> {
  const path = join(home, profile);
  const file = (name: string) => join(path, name);
  return {
    path,
    profile: await orTrouble(async () => (await findProfile(file(PROFILE_FILE))) ?? null),
    sealed: await orTrouble(async () => isSealed(file(KEYSTORE_FILE))),
    exposed: exposedIn(path),
    freeBytes: freeBytes(path),
    database: isOurs(path) ? (inspectDatabase(file(DATABASE_FILE)) ?? null) : null,
  };
}

/** A database that somebody else put there is not opened. */
function isOurs(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isDirectory() === true && (process.geteuid === undefined || found.uid === process.geteuid());
}

async function orTrouble<T>(look: () => Promise<T>): Promise<T | Trouble> {
  try {
    return await look();
  } catch (error) {
    const { code, message } = asChatError(error);
    return { code, message };
  }
}

function isSealed(path: string): boolean | null {
  if (!existsSync(path)) return null;
  return parseKeystoreFile(readFileSync(path)).protection === "passphrase";
}

/** What others may read or write, of the directory and of what lies in it. */
function exposedIn(path: string): readonly string[] {
  if (process.geteuid === undefined || !isOurs(path)) return [];
  const entries = [".", ...readdirSync(path)];
  return entries.filter((name) => {
    const found = lstatSync(join(path, name), { throwIfNoEntry: false });
    return found !== undefined && !found.isSymbolicLink() && (found.mode & OTHERS) !== 0;
  });
}

/** Of the file system where the profile is, or will be. */
function freeBytes(path: string): number {
  let place = path;
  while (!existsSync(place) && dirname(place) !== place) place = dirname(place);
  const { bavail, bsize } = statfsSync(place);
  return bavail * bsize;
}

/** How far a multiaddr reaches. */
function kindOf(address: string): AddressKind {
  if (address.includes("/p2p-circuit")) return "relay";
  const [, protocol = "", host = ""] = address.slice(0, LIMITS.addressMaxLength).split("/");
  return protocol.startsWith("dns") ? "global" : scopeOf(host);
}

function scopeOf(host: string): AddressKind {
  return ipScope(host) ?? "special";
}
