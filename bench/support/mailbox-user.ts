/*
 * A process of its own that uses a relay's mailbox through the product's client: as an owner it opens a box and empties
 * it, as others it leaves parcels there, over several connections at once.
 */
import { type KeyObject, randomBytes } from "node:crypto";
import { systemRuntime } from "../../peer/messaging/runtime.ts";
import { connectMailbox } from "../../peer/network/mailbox/mailbox-client.ts";
import type { MailboxConnection } from "../../peer/network/mailbox/mailbox-connection.ts";
import { privateKeyObject, rawPublicKey } from "../../shared/ed25519.ts";
import { makeToken } from "../../shared/mailbox-token.ts";
import { MAILBOX_LIMITS } from "../../shared/protocol.ts";
import { packMessages } from "./parcels.ts";

type Secrets = { readonly seed: string; readonly tokenKey: string };

export type MailboxOrder =
  | ({ readonly do: "open"; readonly relay: string } & Secrets)
  /** Packs messages of so many bytes; without `alone` as many in a parcel as fit, with it one, left again and again. */
  | { readonly do: "pack"; readonly messages: number; readonly bytes: number; readonly alone: boolean }
  | ({ readonly do: "deposit"; readonly relay: string } & Secrets)
  | { readonly do: "empty" };

/** Of `pack`: the parcels made; of `empty`: the parcels read. */
export type MailboxResult = {
  readonly wallMs: number;
  readonly parcels: number;
  readonly parcelBytes: number;
  readonly messagesPerParcel: number;
};

/** As many senders at once, and what each has under way: the product leaves one parcel after the other. */
const CONNECTIONS = 16;
const UNDER_WAY = 8;
const CONNECT_TIMEOUT_MS = 10_000;

let packed: readonly Uint8Array[] = [];
let own: { readonly mailbox: MailboxConnection; readonly key: KeyObject } | undefined;

process.on("message", (order: MailboxOrder) => {
  const startedMs = performance.now();
  carryOut(order).then(
    (result) => process.send?.({ result: { wallMs: performance.now() - startedMs, ...result } }),
    (error: Error) => process.send?.({ error: error.message }),
  );
});

async function carryOut(order: MailboxOrder): Promise<Omit<MailboxResult, "wallMs"> & { wallMs?: number }> {
  if (order.do === "open") return await open(order);
  if (order.do === "pack") return await pack(order);
  if (order.do === "deposit") return await deposit(order);
  return await empty();
}

const NOTHING = { parcels: 0, parcelBytes: 0, messagesPerParcel: 0 };

async function open({ relay, seed, tokenKey }: { relay: string } & Secrets) {
  await own?.mailbox.close();
  const key = privateKeyObject(Buffer.from(seed, "hex"));
  own = { mailbox: await connect(relay), key };
  await own.mailbox.open({ key, kind: "contacts", tokenKey: bytesOf(tokenKey) });
  return NOTHING;
}

async function pack({ messages, bytes, alone }: Extract<MailboxOrder, { do: "pack" }>) {
  const text = "m".repeat(bytes);
  const found = await packMessages({ count: alone ? 1 : messages, text, ...(alone && { perParcel: 1 }) });
  packed = alone ? Array.from({ length: messages }, () => found.parcels).flat() : found.parcels;
  return { parcels: packed.length, parcelBytes: packed[0]?.length ?? 0, messagesPerParcel: found.messages };
}

/** Times the deposits, not the connections. */
async function deposit({ relay, seed, tokenKey }: { relay: string } & Secrets) {
  const box = rawPublicKey(privateKeyObject(Buffer.from(seed, "hex")));
  const mailboxes = await Promise.all(Array.from({ length: CONNECTIONS }, () => connect(relay)));
  const tokens = packed.map(() => makeToken(bytesOf(tokenKey), new Uint8Array(randomBytes(16))));
  let begun = 0;
  const inTurn = async (mailbox: MailboxConnection) => {
    for (let at = begun++; at < packed.length; at = begun++) {
      await mailbox.deposit(box, tokens[at] ?? null, packed[at] ?? new Uint8Array());
    }
  };
  const startedMs = performance.now();
  await Promise.all(mailboxes.flatMap((mailbox) => Array.from({ length: UNDER_WAY }, () => inTurn(mailbox))));
  const wallMs = performance.now() - startedMs;
  await Promise.all(mailboxes.map((mailbox) => mailbox.close()));
  return { ...NOTHING, wallMs, parcels: packed.length };
}

/** As the product does, but for reading them. */
async function empty() {
  if (own === undefined) throw new Error("no box is open");
  const { mailbox, key } = own;
  const box = rawPublicKey(key);
  let parcels = 0;
  let after = 0;
  for (let more = true; more; ) {
    const page = await mailbox.fetch(box, after);
    const places = page.parcels.map(({ place }) => place);
    for (let at = 0; at < places.length; at += MAILBOX_LIMITS.receiptMaxPlaces) {
      await mailbox.receipt(key, places.slice(at, at + MAILBOX_LIMITS.receiptMaxPlaces));
    }
    parcels += places.length;
    ({ last: after, more } = page);
  }
  return { ...NOTHING, parcels };
}

function connect(relay: string): Promise<MailboxConnection> {
  const signal = AbortSignal.timeout(CONNECT_TIMEOUT_MS);
  return connectMailbox({ relay, allowLocal: true, runtime: systemRuntime, signal });
}

function bytesOf(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
