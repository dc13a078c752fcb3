import { existsSync, readFileSync, rmSync } from "node:fs";
import { privateKeyObject } from "../shared/ed25519.ts";
import { ChatError, isChatError } from "../shared/errors.ts";
import { fingerprintOf } from "../shared/fingerprint.ts";
import { type NameRecord, parseNameRecord, signNameRecord } from "../shared/name-record.ts";
import { readUsername, type Username } from "../shared/username.ts";
import type { ProfileDirectory, RegisterOptions } from "./cli/context.ts";
import { ownRecordsOf } from "./history/own-records.ts";
import { writeFileDurably } from "./identity/durable-file.ts";
import { createKeystore, type Keystore, newProfileId, newSecrets, openKeystore } from "./identity/keystore.ts";
import { askNewPassphrase, askPassphrase } from "./identity/passphrase.ts";
import { openProfileDirectory } from "./identity/profile-directory.ts";
import { findProfile, writeProfile } from "./identity/profile-file.ts";
import { acquireProfileLock } from "./identity/profile-lock.ts";
import type { Identity } from "./messaging/operations/status.ts";
import { replenishKeyPackages } from "./messaging/publishing/publisher.ts";
import { systemRuntime } from "./messaging/runtime.ts";
import { type Clock, createClock } from "./naming/clock.ts";
import { createNamingClient, type NamingClient } from "./naming/naming-client.ts";
import { isLoopback, parseServerUrl } from "./naming/server-url.ts";
import { KEYSTORE_FILE, keyLogOf, openProfile, PROFILE_FILE, readAuthorities } from "./open-profile.ts";

/** The signed record of a registration under way: sent again after a crash, the same bytes get the same answer. */
const PENDING_FILE = "registration.jws";
const LOCK_TIMEOUT_MS = 10_000;
/** A server may correct the clock and the spelling of its URL, once each. */
const MAX_CORRECTIONS = 2;

/**
 * Makes keys, claims the name, and leaves key packages for whoever writes first. Whatever interrupts it, doing it again
 * goes on where it stopped.
 *
 * @throws ChatError USERNAME_INVALID, USERNAME_RESERVED, USERNAME_TAKEN, USERNAME_CONFUSABLE, PROFILE_EXISTS,
 *   CONFIG_INVALID, HTTP_REFUSED, SERVER_UNREACHABLE and the like
 */
export async function registerProfile(options: RegisterOptions): Promise<Identity> {
  const { settings, signal } = options;
  const username = readUsername(options.username);
  const url = parseServerUrl(requireServer(options), { allowHttp: settings.allowHttp });
  const directory = openProfileDirectory({ home: settings.home, profile: settings.profile, create: true });
  const lock = await acquireProfileLock(directory, { timeoutMs: LOCK_TIMEOUT_MS, signal });
  try {
    await assertUnregistered(directory);
    const keystore = await keysFor(directory, options);
    const record = await claimAmended(directory, options, { username, url, keystore });
    const { aud: server, name } = record.payload;
    const allowLocal = settings.allowLocal ?? isLoopback(url);
    const [peerId] = record.devices;
    if (peerId === undefined) throw new ChatError("INTERNAL", "a record lists at least one device");
    const hidden = options.hidden ? ({ hidden: true } as const) : {};
    const profile = {
      v: 1,
      profileId: keystore.profileId,
      username: name,
      peerId,
      server,
      allowLocal,
      ...hidden,
    } as const;
    await writeProfile(directory.file(PROFILE_FILE), profile);
    rmSync(directory.file(PENDING_FILE), { force: true });
    await leaveBehind(directory, options, { keystore, record });
    return { username: name, peerId, fingerprint: fingerprintOf(record.identity), server, profile: settings.profile };
  } finally {
    lock.release();
  }
}

function requireServer({ settings }: RegisterOptions): string {
  if (settings.server !== undefined) return settings.server;
  throw new ChatError("CONFIG_INVALID", "no naming server: give --server URL, or set P2PCHAT_SERVER");
}

async function assertUnregistered(directory: ProfileDirectory): Promise<void> {
  const profile = await findProfile(directory.file(PROFILE_FILE));
  if (profile === undefined) return;
  throw new ChatError("PROFILE_EXISTS", `this profile is ${profile.username}; use --profile NAME for another`);
}

/** New keys, or those of a registration that was interrupted: the server may have accepted them already. */
async function keysFor(directory: ProfileDirectory, options: RegisterOptions): Promise<Keystore> {
  const path = directory.file(KEYSTORE_FILE);
  const { passphraseFile: file, passphraseCommand: command } = options.settings;
  const source = { file, command, signal: options.signal };
  if (existsSync(directory.file(PENDING_FILE)) && existsSync(path))
    return openKeystore(path, () => askPassphrase(source));
  rmSync(path, { force: true });
  const passphrase = options.sealed ? await askNewPassphrase(source) : undefined;
  return createKeystore(path, { profileId: newProfileId(), secrets: newSecrets(), passphrase });
}

/** A server that takes the keys may still refuse the name, or ask for an invitation: people can be asked for another. */
async function claimAmended(directory: ProfileDirectory, options: RegisterOptions, of: Claim): Promise<NameRecord> {
  try {
    return await claim(directory, options, of);
  } catch (error) {
    if (options.amend === undefined || !isChatError(error, ...AMENDABLE)) throw error;
    const { username, invite } = await options.amend(error);
    const next = username === undefined ? of : { ...of, username: readUsername(username) };
    return await claimAmended(directory, { ...options, ...(invite !== undefined && { invite }) }, next);
  }
}

const AMENDABLE = [
  "USERNAME_INVALID",
  "USERNAME_RESERVED",
  "USERNAME_TAKEN",
  "USERNAME_CONFUSABLE",
  "INVITE_REQUIRED",
  "INVITE_INVALID",
] as const;

type Claim = { readonly username: Username; readonly url: string; readonly keystore: Keystore };

async function claim(directory: ProfileDirectory, options: RegisterOptions, of: Claim): Promise<NameRecord> {
  const clock = createClock(() => systemRuntime.now());
  const client = createNamingClient({
    url: of.url,
    allowHttp: options.settings.allowHttp,
    ca: readAuthorities(options.settings),
    invite: options.invite,
    clock,
    randomId: () => "",
    timers: systemRuntime,
  });
  try {
    return await putRecord(directory, { ...of, client, clock, signal: options.signal });
  } finally {
    client.close();
  }
}

async function putRecord(
  directory: ProfileDirectory,
  of: Claim & { readonly client: NamingClient; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<NameRecord> {
  const pending = directory.file(PENDING_FILE);
  const former = readPending(pending);
  let record = former?.payload.name === of.username ? former : await sign(pending, of);
  for (let corrections = 0; ; corrections += 1) {
    try {
      await of.client.putRecord(of.username, record.jws.text, of.signal);
      return record;
    } catch (error) {
      const correctable = isChatError(error, "CLOCK_SKEW") || (isChatError(error) && error.reason === "aud");
      if (!correctable || corrections === MAX_CORRECTIONS) throw await forget(pending, error, former);
      record = await sign(pending, of);
    }
  }
}

function readPending(path: string): NameRecord | undefined {
  return existsSync(path) ? parseNameRecord(readFileSync(path, "utf8")) : undefined;
}

async function sign(
  pending: string,
  { username, client, clock, keystore }: Claim & { client: NamingClient; clock: Clock },
) {
  const { identitySeed, deviceSeed } = keystore.secrets;
  const iat = Math.floor(clock.now() / 1000);
  const text = await signNameRecord({
    name: username,
    aud: client.audience,
    identityKey: privateKeyObject(identitySeed),
    devices: [{ key: privateKeyObject(deviceSeed), addedAt: iat }],
    iat,
  });
  await writeFileDurably(pending, Buffer.from(text));
  return parseNameRecord(text);
}

/** What the server has refused is over; what it may have accepted is not. */
async function forget(pending: string, error: unknown, former: NameRecord | undefined): Promise<unknown> {
  if (isChatError(error, "KEY_IN_USE") && former !== undefined) {
    // It was accepted after all: only these keys, and these bytes, get that name.
    await writeFileDurably(pending, Buffer.from(former.jws.text));
    return error;
  }
  const undecided = isChatError(
    error,
    "SERVER_UNREACHABLE",
    "SERVER_ERROR",
    "SERVER_BUSY",
    "RATE_LIMITED",
    "INTERRUPTED",
  );
  if (isChatError(error) && !undecided) rmSync(pending, { force: true });
  return error;
}

/**
 * Keeps the record, and leaves key packages, so that the first message to somebody who never listened yet can be encrypted;
 * `listen` makes up for a failure.
 */
async function leaveBehind(
  directory: ProfileDirectory,
  { settings, signal }: RegisterOptions,
  { keystore, record }: { keystore: Keystore; record: NameRecord },
): Promise<void> {
  const opened = await openProfile(directory, { settings, runtime: systemRuntime, signal, keystore });
  try {
    ownRecordsOf(opened.store).save([record.jws.text]);
    const { createSecureSessions } = await import("./sessions/secure-sessions.ts");
    const { self, store, naming, clock } = opened;
    const { deviceSeed } = keystore.secrets;
    const sessions = createSecureSessions({ device: self.device, deviceSeed, now: () => clock.now() });
    const serverNow = () => clock.now();
    await replenishKeyPackages({ self, store, runtime: systemRuntime, sessions, naming, serverNow });
    // From now on only this log is believed, and `send` finds a fresh copy of it.
    await keyLogOf(opened).sync();
  } catch (error) {
    if (!isChatError(error)) throw error;
  } finally {
    opened.close();
  }
}
