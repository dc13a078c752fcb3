import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import { utf8 } from "../../shared/bytes.ts";
import { ChatError } from "../../shared/errors.ts";
import { remember } from "../../shared/remember.ts";

/** Keeps what the database holds unreadable without the data key, and each value in its place. */
export interface Sealer {
  /** Seals a value of that row: 29 bytes longer than the plaintext, different every time. */
  seal(table: string, row: string, plaintext: Uint8Array): Uint8Array;
  /** @throws ChatError STORE_CORRUPT for another row, table, profile or key, and for altered bytes */
  open(table: string, row: string, sealed: Uint8Array): Uint8Array;
  /** 16 bytes, the same for the same text: finds rows by a name or an id that is not on the disk. */
  tag(kind: string, text: string): Uint8Array;
}

const CIPHER = "aes-256-gcm";
const FORMAT = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const LOOKUP_TAG_BYTES = 16;
const TAGS_REMEMBERED = 4096;
const KEYS_REMEMBERED = 64;
const NONCES_AT_ONCE = 256;
const OVERHEAD_BYTES = 1 + NONCE_BYTES + TAG_BYTES;

/**
 * Layout of a sealed value: format (1 byte), nonce (12), AES-256-GCM ciphertext, tag (16). Every table and kind of
 * look-up has a key of its own, from HKDF-SHA256 (RFC 5869) with the profile's id as salt.
 *
 * @param dataKey 32 secret bytes
 */
export function createSealer(dataKey: Uint8Array, profileId: string): Sealer {
  if (dataKey.length !== KEY_BYTES) throw new ChatError("KEY_INVALID", "a data key has 32 bytes");
  const derive = keyDeriver(dataKey, profileId);
  // The same few names, devices and conversations are looked up for every message.
  const tag = remember(TAGS_REMEMBERED, (kindAndText) => {
    const kind = kindAndText.slice(0, kindAndText.indexOf("/"));
    const text = kindAndText.slice(kind.length + 1);
    return createHmac("sha256", derive("p2pchat/tag/1", kind)).update(text).digest().subarray(0, LOOKUP_TAG_BYTES);
  });
  const nextNonce = noncePool();
  return {
    seal(table, row, plaintext) {
      const nonce = nextNonce();
      const cipher = createCipheriv(CIPHER, derive("p2pchat/seal/1", table), nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(placeOf(profileId, table, row));
      const body = cipher.update(plaintext);
      cipher.final();
      return Buffer.concat([Buffer.of(FORMAT), nonce, body, cipher.getAuthTag()]);
    },
    open(table, row, sealed) {
      if (sealed.length < OVERHEAD_BYTES || sealed[0] !== FORMAT) throw damaged(table);
      const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
      const decipher = createDecipheriv(CIPHER, derive("p2pchat/seal/1", table), nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(placeOf(profileId, table, row));
      decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
      const plaintext = decipher.update(sealed.subarray(1 + NONCE_BYTES, -TAG_BYTES));
      try {
        decipher.final();
      } catch (cause) {
        throw damaged(table, cause);
      }
      return plaintext;
    },
    tag: (kind, text) => tag(`${kind}/${text}`),
  };
}

/** Random bytes are drawn for many nonces at once: one draw costs as much as sealing a short value. */
function noncePool(): () => Uint8Array {
  let pool = new Uint8Array();
  return () => {
    if (pool.length < NONCE_BYTES) pool = new Uint8Array(randomBytes(NONCES_AT_ONCE * NONCE_BYTES));
    const nonce = pool.subarray(0, NONCE_BYTES);
    pool = pool.subarray(NONCE_BYTES);
    return nonce;
  };
}

/** Derived once each; tables and kinds are a handful of literals. */
function keyDeriver(dataKey: Uint8Array, profileId: string): (use: string, of: string) => KeyObject {
  const derive = remember(KEYS_REMEMBERED, (info) =>
    createSecretKey(Buffer.from(hkdfSync("sha256", dataKey, utf8(profileId), utf8(info), KEY_BYTES))),
  );
  return (use, of) => derive(`${use}/${of}`);
}

/** JSON keeps the parts apart whatever characters they hold. */
function placeOf(profileId: string, table: string, row: string): Uint8Array {
  return utf8(JSON.stringify([profileId, table, row]));
}

function damaged(table: string, cause?: unknown): ChatError {
  return new ChatError("STORE_CORRUPT", `a row of ${table} is damaged, or was copied from elsewhere`, { cause });
}
