import { existsSync, renameSync } from "node:fs";
import { equalBytes } from "../shared/bytes.ts";
import { privateKeyObject, publicKeyOfSeed } from "../shared/ed25519.ts";
import { ChatError } from "../shared/errors.ts";
import { fingerprintOf } from "../shared/fingerprint.ts";
import { type NameRecord, parseNameRecord, signNameRecord } from "../shared/name-record.ts";
import { assertLogged } from "./contacts/logged.ts";
import { ownRecordsOf } from "./history/own-records.ts";
import { type Keystore, newSecrets, openAlike, rewriteKeystore } from "./identity/keystore.ts";
import type { KeyRotation } from "./messaging/operations/keys.ts";
import type { KeyLog } from "./messaging/ports/key-log.ts";
import { KEYSTORE_FILE, type OpenProfile, ROTATION_FILE } from "./open-profile.ts";

/**
 * Replaces the identity key: the record with the new one is signed by the old one, so that contacts follow. Device key,
 * sessions and everything stored stay.
 *
 * The new keys are on disk before the server hears of them, and become the profile's once it has accepted them: whatever
 * interrupts this, doing it again goes on with the same keys.
 *
 * @throws ChatError SERVER_UNREACHABLE and the like; KEY_CHANGED where the name belongs to a third key; LOG_INVALID,
 *   LOG_FORKED, LOG_STALE, RECORD_ROLLBACK where the server's log does not bear the own record out
 */
export async function rotateIdentity(opened: OpenProfile, log: KeyLog, signal?: AbortSignal): Promise<KeyRotation> {
  const { directory, naming, self } = opened;
  const before = opened.keystore;
  const next = await nextKeystore(opened);
  const published = (await naming.lookup(self.username, signal)).record;
  const record = isOf(published, next) ? published : await publish(opened, next, { published, log, signal });
  renameSync(directory.file(ROTATION_FILE), directory.file(KEYSTORE_FILE));
  opened.adopt(next);
  keepRecord(opened, record);
  return {
    username: self.username,
    oldFingerprint: fingerprintOf(publicKeyOfSeed(before.secrets.identitySeed)),
    newFingerprint: fingerprintOf(self.identity),
    seq: record.payload.seq,
  };
}

/** Goes on with a rotation that was interrupted; undefined where none was. @throws as `rotateIdentity` */
export async function resumeRotation(
  opened: OpenProfile,
  log: KeyLog,
  signal?: AbortSignal,
): Promise<KeyRotation | undefined> {
  return existsSync(opened.directory.file(ROTATION_FILE)) ? rotateIdentity(opened, log, signal) : undefined;
}

async function nextKeystore({ directory, keystore }: OpenProfile): Promise<Keystore> {
  const path = directory.file(ROTATION_FILE);
  // Written anew each time: of what was begun earlier only the identity counts, for a restored copy has another device key.
  const { identitySeed } = existsSync(path) ? (await openAlike(path, keystore)).secrets : newSecrets();
  return rewriteKeystore(path, keystore, { ...keystore.secrets, identitySeed });
}

function isOf({ identity }: NameRecord, { secrets }: Keystore): boolean {
  return equalBytes(identity, publicKeyOfSeed(secrets.identitySeed));
}

type Publishing = {
  readonly published: NameRecord;
  readonly log: KeyLog;
  readonly signal: AbortSignal | undefined;
};

async function publish(
  { self, keystore, clock, naming }: OpenProfile,
  next: Keystore,
  { published: previous, log, signal }: Publishing,
): Promise<NameRecord> {
  if (!isOf(previous, keystore)) throw new ChatError("KEY_CHANGED", "the name belongs to another identity key by now");
  // Two successors of one record would part those who have seen the one from those who have seen the other.
  await assertLogged(log, previous, signal);
  const { recovery, aud, devices } = previous.payload;
  const iat = Math.floor(clock.now() / 1000);
  const addedAt = devices.find(({ id }) => id === self.device)?.addedAt ?? iat;
  const text = await signNameRecord({
    name: self.username,
    aud,
    identityKey: privateKeyObject(next.secrets.identitySeed),
    devices: [{ key: self.deviceKey, addedAt }],
    recovery,
    iat,
    previous,
    rotation: { signer: privateKeyObject(keystore.secrets.identitySeed), isRecoveryKey: false },
  });
  await naming.putRecord(self.username, text, signal);
  return parseNameRecord(text);
}

/** The own records are kept without a hole; what is missing is fetched by whoever keeps them. */
function keepRecord({ store }: OpenProfile, { payload, jws }: NameRecord): void {
  const records = ownRecordsOf(store);
  const kept = records.all();
  if (kept.length === payload.seq - 1) records.save([...kept, jws.text]);
}
