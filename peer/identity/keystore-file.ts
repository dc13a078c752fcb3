import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import * as z from "zod";
import { decodeBase64url, encodeBase64url } from "../../shared/base64url.ts";
import { concat, utf8 } from "../../shared/bytes.ts";
import { ChatError } from "../../shared/errors.ts";
import { base64urlOf } from "../../shared/schemas.ts";
import { parseStrictJson } from "../../shared/strict-json.ts";
import { type KdfParameters, kdfSchema } from "./passphrase-key.ts";
import { profileIdSchema } from "./profile-file.ts";

/** All that a profile must keep to itself. */
export type Secrets = {
  /** Ed25519 seed of the person, 32 bytes. */
  readonly identitySeed: Uint8Array;
  /** Ed25519 seed of this device, 32 bytes; its libp2p key. */
  readonly deviceSeed: Uint8Array;
  /** Seals `chat.db`, 32 bytes. */
  readonly dataKey: Uint8Array;
  /** New on every profile creation and restore, 16 bytes. */
  readonly incarnation: Uint8Array;
};

const CIPHER = "chacha20-poly1305";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SEALED_MAX_CHARS = 4096;
const DOMAIN = "p2pchat/keystore/1";

const secretsSchema = z.strictObject({
  identitySeed: base64urlOf(32),
  deviceSeed: base64urlOf(32),
  dataKey: base64urlOf(32),
  incarnation: base64urlOf(16),
});

const openFileSchema = z.strictObject({
  v: z.literal(1),
  protection: z.literal("none"),
  profileId: profileIdSchema,
  secrets: secretsSchema,
});

const sealedFileSchema = z.strictObject({
  v: z.literal(1),
  protection: z.literal("passphrase"),
  profileId: profileIdSchema,
  kdf: kdfSchema,
  nonce: base64urlOf(NONCE_BYTES),
  sealed: z.string().max(SEALED_MAX_CHARS),
});

const fileSchema = z.discriminatedUnion("protection", [openFileSchema, sealedFileSchema]);

type SealedFile = z.infer<typeof sealedFileSchema>;
type SealedHeader = Omit<SealedFile, "sealed">;

/** @throws ChatError STORE_CORRUPT */
export function parseKeystoreFile(bytes: Uint8Array): z.infer<typeof fileSchema> {
  const { data, error } = fileSchema.safeParse(parseStrictJson(bytes, "STORE_CORRUPT"));
  if (error) throw corrupt(z.prettifyError(error));
  return data;
}

export function encodeOpenFile(profileId: string, secrets: Secrets): Uint8Array {
  return encodeFile({ v: 1, protection: "none", profileId, secrets: encodeSecrets(secrets) });
}

/** @param key the 32 bytes that `kdf` makes of the passphrase */
export function encodeSealedFile(profileId: string, secrets: Secrets, key: Uint8Array, kdf: KdfParameters): Uint8Array {
  const nonce = encodeBase64url(randomBytes(NONCE_BYTES));
  const header = { v: 1, protection: "passphrase", profileId, kdf, nonce } as const;
  return encodeFile({ ...header, sealed: seal(header, key, utf8(JSON.stringify(encodeSecrets(secrets)))) });
}

/** @throws ChatError STORE_CORRUPT, PASSPHRASE_WRONG (another key, or any part of the file altered) */
export function unsealSecrets(file: SealedFile, key: Uint8Array): Secrets {
  const { data, error } = secretsSchema.safeParse(parseStrictJson(unseal(file, key), "STORE_CORRUPT"));
  if (error) throw corrupt("its secrets are not complete");
  return decodeSecrets(data);
}

export function decodeSecrets(encoded: z.infer<typeof secretsSchema>): Secrets {
  return {
    identitySeed: decodeBase64url(encoded.identitySeed),
    deviceSeed: decodeBase64url(encoded.deviceSeed),
    dataKey: decodeBase64url(encoded.dataKey),
    incarnation: decodeBase64url(encoded.incarnation),
  };
}

function encodeSecrets(secrets: Secrets): z.infer<typeof secretsSchema> {
  return {
    identitySeed: encodeBase64url(secrets.identitySeed),
    deviceSeed: encodeBase64url(secrets.deviceSeed),
    dataKey: encodeBase64url(secrets.dataKey),
    incarnation: encodeBase64url(secrets.incarnation),
  };
}

function encodeFile(file: z.infer<typeof fileSchema>): Uint8Array {
  return utf8(`${JSON.stringify(file, undefined, 2)}\n`);
}

/** The header in one fixed spelling, whatever the file's own order of members. */
function associatedData({ v, profileId, kdf, nonce }: SealedHeader): Uint8Array {
  const { name, memoryKiB, passes, parallelism, salt } = kdf;
  return utf8(JSON.stringify([DOMAIN, v, profileId, name, memoryKiB, passes, parallelism, salt, nonce]));
}

function seal(header: SealedHeader, key: Uint8Array, plaintext: Uint8Array): string {
  const cipher = createCipheriv(CIPHER, key, decodeBase64url(header.nonce), { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(header), { plaintextLength: plaintext.length });
  return encodeBase64url(concat(cipher.update(plaintext), cipher.final(), cipher.getAuthTag()));
}

function unseal(file: SealedFile, key: Uint8Array): Uint8Array {
  const sealed = decodeBase64url(file.sealed, "STORE_CORRUPT");
  if (sealed.length <= TAG_BYTES) throw corrupt("its sealed part is too short");
  const ciphertext = sealed.subarray(0, -TAG_BYTES);
  const decipher = createDecipheriv(CIPHER, key, decodeBase64url(file.nonce), { authTagLength: TAG_BYTES });
  decipher.setAAD(associatedData(file), { plaintextLength: ciphertext.length });
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return concat(decipher.update(ciphertext), decipher.final());
  } catch (cause) {
    throw new ChatError("PASSPHRASE_WRONG", "wrong passphrase, or keystore.json was altered", { cause });
  }
}

function corrupt(why: string): ChatError {
  return new ChatError("STORE_CORRUPT", `keystore.json is damaged: ${why}`);
}
