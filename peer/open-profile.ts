import { readFileSync } from "node:fs";
import { uptime } from "node:os";
import { utf8Text } from "../shared/bytes.ts";
import { deviceIdOf } from "../shared/device-id.ts";
import { privateKeyObject, publicKeyOfSeed } from "../shared/ed25519.ts";
import { ChatError, isChatError } from "../shared/errors.ts";
import type { Settings } from "./cli/config.ts";
import type { ProfileDirectory } from "./cli/context.ts";
import { isSameBirth, readBirthMark } from "./history/birth-mark.ts";
import { type OpenStore, openStore } from "./history/store.ts";
import { type Keystore, openKeystore } from "./identity/keystore.ts";
import type { PassphraseOptions } from "./identity/passphrase.ts";
import { findProfile, type Profile } from "./identity/profile-file.ts";
import { createExpiryClock, type ExpiryClock, type KeptOffset } from "./messaging/expiry-clock.ts";
import type { KeyLog } from "./messaging/ports/key-log.ts";
import type { Runtime } from "./messaging/runtime.ts";
import type { Self } from "./messaging/self.ts";
import { type Clock, createClock } from "./naming/clock.ts";
import { createKeyLog } from "./naming/log/key-log.ts";
import { createNamingClient, type NamingClient } from "./naming/naming-client.ts";

/** A profile with its keys and its database open; whoever opened it holds the lock, and closes it. */
export type OpenProfile = {
  readonly directory: ProfileDirectory;
  readonly settings: Settings;
  readonly profile: Profile;
  readonly keystore: Keystore;
  readonly self: Self;
  readonly store: OpenStore;
  readonly clock: Clock;
  readonly expiryClock: ExpiryClock;
  readonly naming: NamingClient;
  /** True where this database is a copy of the one that was sealed with it. */
  readonly restored: boolean;
  /** These keys are the profile's from now on: of another identity, with all else as it was. */
  adopt(keystore: Keystore): void;
  close(): void;
};

export const DATABASE_FILE = "chat.db";
export const KEYSTORE_FILE = "keystore.json";
export const PROFILE_FILE = "profile.json";
/** New keys, from before the server hears of them until they are the profile's: of a restored copy, and of a rotation. */
export const NEXT_KEYSTORE_FILE = "keystore.next.json";
export const ROTATION_FILE = "keystore.rotation.json";
const BIRTH_MARK = "birth";
const CLOCK_OFFSET = "clock-offset";
const JTI_BYTES = 16;

/**
 * Opens what `register` has made.
 *
 * @param options.keystore  where it is open already
 * @throws ChatError PROFILE_MISSING, PASSPHRASE_REQUIRED, PASSPHRASE_WRONG, STORE_CORRUPT, STORAGE, CONFIG_INVALID,
 *   HTTP_REFUSED
 */
export async function openProfile(
  directory: ProfileDirectory,
  options: { settings: Settings; runtime: Runtime; signal: AbortSignal; keystore?: Keystore },
): Promise<OpenProfile> {
  const { settings, runtime, signal } = options;
  const profile = await findProfile(directory.file(PROFILE_FILE));
  if (profile === undefined) throw new ChatError("PROFILE_MISSING", "this profile has no name yet");
  const source = { file: settings.passphraseFile, command: settings.passphraseCommand, signal };
  const keystore = options.keystore ?? (await openKeystore(directory.file(KEYSTORE_FILE), () => passphraseOf(source)));
  if (keystore.profileId !== profile.profileId) {
    throw new ChatError("STORE_CORRUPT", "keystore.json and profile.json belong to different profiles");
  }
  let current = keystore;
  const self: Writable<Self> = selfOf(profile.username, keystore);
  const clock = createClock(() => runtime.now());
  const onTime = (serverTimeMs: number) => expiryClock.hear(serverTimeMs);
  const naming = connectNaming({ settings, runtime, clock, onTime }, profile, self);
  const path = directory.file(DATABASE_FILE);
  const store = openStore(path, { dataKey: keystore.secrets.dataKey, profileId: profile.profileId });
  const expiryClock = expiryClockOf(store, runtime);
  const restored = isCopy(store, path);
  const close = () => {
    naming.close();
    store.close();
  };
  const adopt = (next: Keystore) => {
    current = next;
    self.identity = publicKeyOfSeed(next.secrets.identitySeed);
  };
  return {
    directory,
    settings,
    profile,
    get keystore() {
      return current;
    },
    self,
    store,
    clock,
    expiryClock,
    naming,
    restored,
    adopt,
    close,
  };
}

/** Loaded only where a passphrase guards the keys: terminals and commands take longer to load than keys to open. */
export async function passphraseOf(source: PassphraseOptions): Promise<string> {
  return (await import("./identity/passphrase.ts")).askPassphrase(source);
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

export function selfOf(username: Profile["username"], { secrets }: Pick<Keystore, "secrets">): Self {
  return {
    username,
    device: deviceIdOf(publicKeyOfSeed(secrets.deviceSeed)),
    deviceKey: privateKeyObject(secrets.deviceSeed),
    identity: publicKeyOfSeed(secrets.identitySeed),
    incarnation: secrets.incarnation,
  };
}

function expiryClockOf({ settings, mark }: OpenStore, runtime: Runtime): ExpiryClock {
  const kept = settings.get(CLOCK_OFFSET);
  return createExpiryClock({
    runtime,
    uptimeMs: () => uptime() * 1000,
    kept: kept === undefined ? undefined : (JSON.parse(kept) as KeptOffset),
    keep: (offset) => unlessNoRoom(() => mark(() => settings.set(CLOCK_OFFSET, JSON.stringify(offset)))),
  });
}

/** For what is done again another time. */
export function unlessNoRoom(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!isChatError(error, "STORAGE")) throw error;
  }
}

type Connecting = {
  readonly settings: Settings;
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly onTime?: (serverTimeMs: number) => void;
};

export function connectNaming(
  { settings, runtime, clock, onTime = () => undefined }: Connecting,
  { server }: Pick<Profile, "server">,
  { username, device, deviceKey }: Self,
): NamingClient {
  return createNamingClient({
    url: settings.server ?? server,
    audience: server,
    allowHttp: settings.allowHttp,
    ca: readAuthorities(settings),
    credentials: { username, device, deviceKey },
    clock,
    onTime,
    timers: runtime,
    randomId: () => Buffer.from(runtime.randomBytes(JTI_BYTES)).toString("hex"),
  });
}

/** This profile's copy of its naming server's log. */
export function keyLogOf({ naming, store, profile, clock }: OpenProfile, onFork: () => void = () => undefined): KeyLog {
  const audience = () => profile.server;
  return createKeyLog({ source: naming.log, store, audience, now: () => clock.now(), onFork });
}

/** @throws ChatError CONFIG_INVALID */
export function readAuthorities({ caFile }: Settings): string | undefined {
  if (caFile === undefined) return undefined;
  try {
    return utf8Text(readFileSync(caFile));
  } catch (cause) {
    throw new ChatError("CONFIG_INVALID", `the file of certificates ${caFile} cannot be read`, { cause });
  }
}

/** The database knows the file it was born in; the mark is sealed, so it moves with a copy but fits only the original. */
function isCopy(store: OpenStore, path: string): boolean {
  const stored = store.meta.get(BIRTH_MARK);
  if (stored !== undefined) return !isSameBirth(stored, readBirthMark(path));
  markBirth(store, path);
  return false;
}

export function markBirth(store: OpenStore, path: string): void {
  store.transaction(() => store.meta.set(BIRTH_MARK, readBirthMark(path)));
}

/** The next start finds that this is a copy, whatever the file says. */
export function disownBirth(store: OpenStore): void {
  store.transaction(() => store.meta.set(BIRTH_MARK, new Uint8Array(16)));
}
