import type { KeyObject } from "node:crypto";
import type { DeviceId } from "../../../shared/device-id.ts";

/** What the owner of a box opens it with: a box of contacts has a token key, one of requests has none. */
export type BoxKey = { readonly key: KeyObject } & (
  | { readonly kind: "contacts"; readonly tokenKey: Uint8Array }
  | { readonly kind: "requests"; readonly tokenKey: null }
);

/** The mailbox of one relay, over a connection that says nothing of who uses it. Calls throw the relay's ChatErrors. */
export interface Mailbox {
  /** The relay's store, 16 bytes: another than before means that all in it is lost. */
  readonly store: Uint8Array;
  /** Resolves once the connection is gone. */
  readonly closed: Promise<unknown>;
  /** Makes the box or keeps it alive, and asks for notices. */
  open(box: BoxKey): Promise<unknown>;
  /** One listener, which never throws: something arrived in a box that was opened here. */
  onNotice(listener: (box: Uint8Array) => void): void;
  /** What lies behind that place, 0 for all; `more`: ask again from `last`. */
  fetch(
    box: Uint8Array,
    after: number,
  ): Promise<{
    readonly parcels: readonly { readonly place: number; readonly parcel: Uint8Array }[];
    readonly last: number;
    readonly more: boolean;
  }>;
  /** Those parcels are safe: the relay deletes them. */
  receipt(box: KeyObject, places: readonly number[]): Promise<void>;
  /** Resolves once the parcel is on the relay's disk. @param token  null for a box of requests */
  deposit(box: Uint8Array, token: Uint8Array | null, parcel: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export interface MailboxNetwork {
  /** @param relay  a multiaddr that ends in `/p2p/<relay>` @throws ChatError PEER_UNREACHABLE, TIMED_OUT */
  connect(relay: string, signal: AbortSignal): Promise<Mailbox>;
}

/** What hides the content of a parcel from the relay that keeps it: HPKE (RFC 9180) with X-Wing. */
export interface ParcelSeals {
  /** What others seal to, 1216 bytes. @param seed  32 secret bytes */
  publicKey(seed: Uint8Array): Uint8Array;
  /** @throws ChatError KEY_INVALID */
  seal(publicKey: Uint8Array, to: DeviceId, plaintext: Uint8Array): Uint8Array;
  /** @throws ChatError ENVELOPE_INVALID with reason `seal` */
  open(seed: Uint8Array, self: DeviceId, parcel: Uint8Array): Uint8Array;
}
