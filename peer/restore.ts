import { existsSync, renameSync } from "node:fs";
import { equalBytes } from "../shared/bytes.ts";
import { privateKeyObject } from "../shared/ed25519.ts";
import { ChatError, isChatError } from "../shared/errors.ts";
import { type NameRecord, signNameRecord } from "../shared/name-record.ts";
import { type Keystore, newSecrets, openKeystore, rewriteKeystore } from "./identity/keystore.ts";
import { writeProfile } from "./identity/profile-file.ts";
import { renumberOutbox } from "./messaging/outbound/readdress.ts";
import type { Runtime } from "./messaging/runtime.ts";
import {
  connectNaming,
  DATABASE_FILE,
  KEYSTORE_FILE,
  markBirth,
  NEXT_KEYSTORE_FILE,
  type OpenProfile,
  PROFILE_FILE,
  passphraseOf,
  selfOf,
} from "./open-profile.ts";

/**
 * Gives a restored profile a life of its own: a copy of session state must never encrypt again, and a copy of a counter
 * must never count again. The identity stays; device key and incarnation are new, the record lists the new device in
 * place of the old one, sessions and key packages are dropped, and what was queued is signed anew.
 *
 * Needs the naming server. The birth mark is written last: whatever interrupts this, the next start goes on with it.
 *
 * @throws ChatError SERVER_UNREACHABLE and the like; PROFILE_UNSAFE (reason `superseded`), KEY_CHANGED
 */
export async function giveNewLife(
  opened: OpenProfile,
  { runtime, signal }: { runtime: Runtime; signal: AbortSignal },
): Promise<void> {
  const { directory, profile, store } = opened;
  const next = await nextKeystore(opened, signal);
  const self = selfOf(profile.username, next);
  await listDevice(opened, next, { runtime, signal });
  renameSync(directory.file(NEXT_KEYSTORE_FILE), directory.file(KEYSTORE_FILE));
  await writeProfile(directory.file(PROFILE_FILE), { ...profile, peerId: self.device });
  store.transaction(() => {
    store.sessions.closeAll();
    store.keyPackages.deleteAll();
    store.mailbox.clear();
    // The copy may be older than a revocation.
    store.tokens.clear();
    store.numbering.restart();
    renumberOutbox({ self, store });
  });
  markBirth(store, directory.file(DATABASE_FILE));
}

async function nextKeystore({ directory, keystore, settings }: OpenProfile, signal: AbortSignal): Promise<Keystore> {
  const path = directory.file(NEXT_KEYSTORE_FILE);
  const { passphraseFile: file, passphraseCommand: command } = settings;
  if (existsSync(path)) return openKeystore(path, () => passphraseOf({ file, command, signal }));
  const { deviceSeed, incarnation } = newSecrets();
  const secrets = { ...keystore.secrets, deviceSeed, incarnation };
  await rewriteKeystore(path, keystore, secrets);
  return { ...keystore, secrets };
}

async function listDevice(
  opened: OpenProfile,
  next: Keystore,
  { runtime, signal }: { runtime: Runtime; signal: AbortSignal },
): Promise<void> {
  const { naming, self, clock, profile } = opened;
  const previous = await currentRecord(opened, next, { runtime, signal });
  if (!equalBytes(previous.identity, self.identity)) {
    throw new ChatError("KEY_CHANGED", "the name belongs to another identity key by now");
  }
  if (previous.devices.includes(selfOf(profile.username, next).device)) return;
  const iat = Math.floor(clock.now() / 1000);
  const { recovery, aud } = previous.payload;
  const devices = [{ key: privateKeyObject(next.secrets.deviceSeed), addedAt: iat }];
  const identityKey = privateKeyObject(next.secrets.identitySeed);
  const record = await signNameRecord({ name: self.username, identityKey, devices, iat, previous, recovery, aud });
  await naming.putRecord(self.username, record, signal);
}

/** Asked as the old device, or as the new one where the server has heard of it already. */
async function currentRecord(
  { naming, self, settings, profile, clock }: OpenProfile,
  next: Keystore,
  { runtime, signal }: { runtime: Runtime; signal: AbortSignal },
): Promise<NameRecord> {
  const asNext = connectNaming({ settings, runtime, clock }, profile, selfOf(profile.username, next));
  try {
    const asOld = await naming.lookup(self.username, signal).catch((error: unknown) => {
      if (isChatError(error, "TOKEN_INVALID")) return undefined;
      throw error;
    });
    return (asOld ?? (await asNext.lookup(self.username, signal))).record;
  } catch (cause) {
    if (!isChatError(cause, "TOKEN_INVALID")) throw cause;
    const message = "this profile was restored from a copy, and another copy of it has taken its place since";
    throw new ChatError("PROFILE_UNSAFE", message, { reason: "superseded", cause });
  } finally {
    asNext.close();
  }
}
