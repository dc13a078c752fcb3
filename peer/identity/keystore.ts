import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { hex } from "../../shared/bytes.ts";
import { ChatError } from "../../shared/errors.ts";
import { readIfThere, writeFileDurably } from "./durable-file.ts";
import {
  decodeSecrets,
  encodeOpenFile,
  encodeSealedFile,
  parseKeystoreFile,
  type Secrets,
  unsealSecrets,
} from "./keystore-file.ts";
import { assertAffordable, type KdfParameters, newKdfParameters, stretch } from "./passphrase-key.ts";

/** An opened `keystore.json`. */
export type Keystore = {
  /** The profile that the keys were made for; `profile.json` must say the same. */
  readonly profileId: string;
  readonly secrets: Secrets;
  /** How the file is sealed, kept so that it can be written again without asking for the passphrase. */
  readonly protection: Protection;
};

type Protection =
  | { readonly kind: "none" }
  | { readonly kind: "passphrase"; readonly key: Uint8Array; readonly kdf: KdfParameters };

export function newSecrets(): Secrets {
  return {
    identitySeed: randomBytes(32),
    deviceSeed: randomBytes(32),
    dataKey: randomBytes(32),
    incarnation: randomBytes(16),
  };
}

export function newProfileId(): string {
  return hex(randomBytes(16));
}

/**
 * Writes the first keystore of a profile; with no passphrase it lies open, guarded by its mode alone.
 *
 * @throws ChatError PROFILE_EXISTS, USAGE (empty passphrase), STORAGE
 */
export async function createKeystore(
  path: string,
  { profileId, secrets, passphrase }: { profileId: string; secrets: Secrets; passphrase: string | undefined },
): Promise<Keystore> {
  if (existsSync(path)) throw new ChatError("PROFILE_EXISTS", "this profile has keys already");
  return await write(path, { profileId, secrets, protection: await newProtection(passphrase) });
}

/**
 * Opens a keystore; the passphrase is asked for only where the file is sealed. Every wrong one costs the same and
 * changes nothing.
 *
 * @param derive  makes the key of a passphrase
 * @throws ChatError PROFILE_MISSING, STORE_CORRUPT, PROFILE_UNSAFE, PASSPHRASE_WRONG, and what `askPassphrase` throws
 */
export async function openKeystore(
  path: string,
  askPassphrase: () => Promise<string>,
  derive: typeof stretch = stretch,
): Promise<Keystore> {
  const file = parseKeystoreFile(await readKeystore(path));
  const { profileId } = file;
  if (file.protection === "none") {
    return { profileId, secrets: decodeSecrets(file.secrets), protection: { kind: "none" } };
  }
  assertAffordable(file.kdf);
  const key = await derive(await askPassphrase(), file.kdf);
  return { profileId, secrets: unsealSecrets(file, key), protection: { kind: "passphrase", key, kdf: file.kdf } };
}

/**
 * Opens another keystore of the same profile that `rewriteKeystore` made, without asking for the passphrase.
 *
 * @throws ChatError STORE_CORRUPT; PASSPHRASE_WRONG where it is sealed otherwise
 */
export function openAlike(path: string, { protection }: Keystore): Promise<Keystore> {
  const key = protection.kind === "passphrase" ? protection.key : new Uint8Array();
  return openKeystore(
    path,
    async () => "",
    async () => key,
  );
}

/** Replaces the secrets under the same protection. @throws ChatError STORAGE, and the old file stands */
export async function rewriteKeystore(path: string, keystore: Keystore, secrets: Secrets): Promise<Keystore> {
  return await write(path, { ...keystore, secrets });
}

/**
 * Seals the same secrets anew, or leaves them open where there is no passphrase.
 *
 * @throws ChatError USAGE (empty passphrase), STORAGE
 */
export async function changePassphrase(
  path: string,
  keystore: Keystore,
  passphrase: string | undefined,
): Promise<Keystore> {
  return await write(path, { ...keystore, protection: await newProtection(passphrase) });
}

async function newProtection(passphrase: string | undefined): Promise<Protection> {
  if (passphrase === undefined) return { kind: "none" };
  if (passphrase === "") throw new ChatError("USAGE", "a passphrase cannot be empty");
  const kdf = newKdfParameters();
  return { kind: "passphrase", key: await stretch(passphrase, kdf), kdf };
}

async function write(path: string, keystore: Keystore): Promise<Keystore> {
  const { profileId, secrets, protection } = keystore;
  const bytes =
    protection.kind === "none"
      ? encodeOpenFile(profileId, secrets)
      : encodeSealedFile(profileId, secrets, protection.key, protection.kdf);
  await writeFileDurably(path, bytes);
  return keystore;
}

async function readKeystore(path: string): Promise<Uint8Array> {
  const bytes = await readIfThere(path);
  if (bytes !== undefined) return bytes;
  throw new ChatError("PROFILE_MISSING", "this profile has no keys yet: p2pchat register <username>");
}
