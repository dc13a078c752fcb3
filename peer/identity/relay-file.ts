import { randomBytes } from "node:crypto";
import * as z from "zod";
import { decodeBase64url, encodeBase64url } from "../../shared/base64url.ts";
import { utf8 } from "../../shared/bytes.ts";
import { deviceIdOf } from "../../shared/device-id.ts";
import { ED25519, publicKeyOfSeed } from "../../shared/ed25519.ts";
import { ChatError } from "../../shared/errors.ts";
import { base64urlOf, deviceIdSchema } from "../../shared/schemas.ts";
import { parseStrictJson } from "../../shared/strict-json.ts";
import { readIfThere, writeFileDurably } from "./durable-file.ts";

const relaySchema = z.strictObject({
  v: z.literal(1),
  /** For people to read; it follows from the seed. */
  peerId: deviceIdSchema,
  seed: base64urlOf(ED25519.seedBytes),
});

/**
 * The secret seed of the relay's key, from `relay.json`; made, and on disk, where there is none. Unsealed, since a relay
 * starts with nobody there to type: the file's mode guards it.
 *
 * @throws ChatError STORE_CORRUPT, STORAGE
 */
export async function relaySeed(path: string): Promise<Uint8Array> {
  const bytes = await readIfThere(path);
  if (bytes === undefined) return makeSeed(path);
  const { data } = relaySchema.safeParse(parseStrictJson(bytes, "STORE_CORRUPT"));
  const seed = data && decodeBase64url(data.seed);
  if (seed !== undefined && deviceIdOf(publicKeyOfSeed(seed)) === data?.peerId) return seed;
  throw new ChatError("STORE_CORRUPT", "relay.json is damaged");
}

async function makeSeed(path: string): Promise<Uint8Array> {
  const seed = new Uint8Array(randomBytes(ED25519.seedBytes));
  const file = { v: 1, peerId: deviceIdOf(publicKeyOfSeed(seed)), seed: encodeBase64url(seed) };
  await writeFileDurably(path, utf8(`${JSON.stringify(file, undefined, 2)}\n`));
  return seed;
}
