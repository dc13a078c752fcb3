import { argon2, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import * as z from "zod";
import { decodeBase64url, encodeBase64url } from "../../shared/base64url.ts";
import { ChatError } from "../../shared/errors.ts";
import { base64urlOf } from "../../shared/schemas.ts";

const KEY_BYTES = 32;
const SALT_BYTES = 16;
const FLOOR = { memoryKiB: 64 * 1024, passes: 3 } as const;
const CAP = { memoryKiB: 1024 * 1024, passes: 10 } as const;

/** Argon2id (RFC 9106), stored beside what it protects and authenticated with it. */
export const kdfSchema = z.strictObject({
  name: z.literal("argon2id"),
  memoryKiB: z.int().min(1),
  passes: z.int().min(1),
  parallelism: z.literal(1),
  salt: base64urlOf(SALT_BYTES),
});

export type KdfParameters = Readonly<z.infer<typeof kdfSchema>>;

export function newKdfParameters(): KdfParameters {
  return { name: "argon2id", ...FLOOR, parallelism: 1, salt: encodeBase64url(randomBytes(SALT_BYTES)) };
}

/**
 * Refuses, before any work, parameters that would make guessing cheap, and such as would eat the machine's memory.
 *
 * @throws ChatError PROFILE_UNSAFE (below the floor), STORE_CORRUPT (above the cap)
 */
export function assertAffordable({ memoryKiB, passes }: KdfParameters): void {
  if (memoryKiB < FLOOR.memoryKiB || passes < FLOOR.passes) {
    throw new ChatError(
      "PROFILE_UNSAFE",
      "keystore.json asks for a weaker passphrase protection than 64 MiB, 3 passes",
      {
        reason: "kdf-weak",
      },
    );
  }
  if (memoryKiB > CAP.memoryKiB || passes > CAP.passes) {
    throw new ChatError("STORE_CORRUPT", "keystore.json asks for more than 1 GiB or 10 passes to check a passphrase", {
      reason: "kdf-costly",
    });
  }
}

const argon2Async = promisify(argon2);

/** The 32-byte key of a passphrase, about 0.2 s of work off the event loop; keyboards disagree on composed letters, so NFC. */
export async function stretch(passphrase: string, parameters: KdfParameters): Promise<Uint8Array> {
  return await argon2Async("argon2id", {
    message: passphrase.normalize("NFC"),
    nonce: decodeBase64url(parameters.salt),
    memory: parameters.memoryKiB,
    passes: parameters.passes,
    parallelism: parameters.parallelism,
    tagLength: KEY_BYTES,
  });
}
