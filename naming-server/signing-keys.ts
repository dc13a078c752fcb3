import { type KeyObject, randomBytes } from "node:crypto";
import { calculateJwkThumbprint, type JWK } from "jose";
import { encodeBase64url } from "../shared/base64url.ts";
import { ED25519, privateKeyObject, publicKeyOfSeed } from "../shared/ed25519.ts";
import { JWS_ALGORITHM } from "../shared/protocol.ts";
import { SERVER_LIMITS } from "./limits.ts";
import type { SigningKeyRow, Store } from "./storage/store.ts";

/** A key that signs access tokens from `activeFrom` (seconds since the epoch) on; `kid` is its RFC 7638 thumbprint. */
export type SigningKey = {
  readonly generation: number;
  readonly kid: string;
  readonly activeFrom: number;
  readonly privateKey: KeyObject;
  readonly publicKey: Uint8Array;
  readonly jwk: JWK;
};

/**
 * The keys that sign access tokens: the current one, its successor, published a whole lifetime ahead, and its
 * predecessor, whose tokens may still be on their way. All instances share them through the store.
 */
export class SigningKeys {
  readonly #store: Store;
  readonly #now: () => number;
  #keys: readonly SigningKey[] = [];

  private constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  static async open(store: Store, now: () => number): Promise<SigningKeys> {
    const keys = new SigningKeys(store, now);
    await keys.rotate();
    return keys;
  }

  /** Makes the keys that are due and drops those that nothing valid is signed with. */
  async rotate(): Promise<void> {
    let rows = await this.#store.listSigningKeys();
    for (let due = this.#due(rows); due !== undefined; due = this.#due(rows)) {
      await this.#store.addSigningKey(due);
      rows = await this.#store.listSigningKeys();
    }
    this.#keys = await Promise.all(rows.map(toSigningKey));
    const { generation } = this.current();
    if (rows.some((row) => row.generation < generation - 1)) await this.#store.deleteSigningKeysBefore(generation - 1);
  }

  #due(rows: readonly SigningKeyRow[]): SigningKeyRow | undefined {
    const nowSeconds = Math.floor(this.#now() / 1000);
    const newest = rows.at(-1);
    if (newest !== undefined && newest.activeFrom > nowSeconds) return undefined;
    return {
      generation: (newest?.generation ?? 0) + 1,
      seed: randomBytes(ED25519.seedBytes),
      activeFrom: newest === undefined ? nowSeconds : nowSeconds + SERVER_LIMITS.signingKeyLifetimeSeconds,
    };
  }

  current(): SigningKey {
    const nowSeconds = this.#now() / 1000;
    const key = this.#keys.findLast(({ activeFrom }) => activeFrom <= nowSeconds) ?? this.#keys[0];
    if (key === undefined) throw new Error("there is always a signing key once the keys are open");
    return key;
  }

  find(kid: string | undefined): SigningKey | undefined {
    return this.#published().find((key) => key.kid === kid);
  }

  jwks(): { keys: readonly JWK[] } {
    return { keys: this.#published().map(({ jwk }) => jwk) };
  }

  #published(): readonly SigningKey[] {
    const { generation } = this.current();
    return this.#keys.filter((key) => Math.abs(key.generation - generation) <= 1);
  }
}

async function toSigningKey({ generation, seed, activeFrom }: SigningKeyRow): Promise<SigningKey> {
  const publicKey = publicKeyOfSeed(seed);
  const bare = { kty: "OKP", crv: "Ed25519", x: encodeBase64url(publicKey) };
  const kid = await calculateJwkThumbprint(bare);
  const jwk = { ...bare, kid, alg: JWS_ALGORITHM, use: "sig" };
  return { generation, kid, activeFrom, privateKey: privateKeyObject(seed), publicKey, jwk };
}
