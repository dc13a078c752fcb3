import { hkdfSync } from "node:crypto";
import { utf8 } from "../../../shared/bytes.ts";
import type { DeviceId } from "../../../shared/device-id.ts";
import { privateKeyObject, rawPublicKey } from "../../../shared/ed25519.ts";
import { findRelayOf } from "../../../shared/relay-address.ts";
import type { BoxKey } from "../ports/mailboxes.ts";
import type { Runtime } from "../runtime.ts";
import type { MailboxSecret } from "../store/mailbox.ts";
import type { Store } from "../store.ts";

const WEEK_MS = 7 * 24 * 60 * 60_000;
/** Relays keep a parcel for 30 days, and whoever left it may have known the box for a while. */
const KEPT_SECRETS = 6;
const SECRET_BYTES = 32;
const MAX_RELAYS_A_WEEK = 8;
const MAX_TOLD = 8;

/** One of this device's boxes, in one week, at one relay. */
export type OwnBox = BoxKey & { readonly box: Uint8Array };

/**
 * The secrets of this week and of those before it that may still be in use, newest first. What they make open is closed
 * for good once they are forgotten.
 */
export function mailboxSecrets(
  { mailbox, transaction }: Pick<Store, "mailbox" | "transaction">,
  { now, randomBytes }: Pick<Runtime, "now" | "randomBytes">,
): readonly [MailboxSecret, ...MailboxSecret[]] {
  const week = Math.floor(now() / WEEK_MS);
  const known = mailbox.secrets();
  // A clock that was set back, for however long, goes back to what was in use then.
  const current = known.find((one) => one.week === week);
  if (current !== undefined) return [current, ...known.filter((one) => one !== current)];
  const made: MailboxSecret = { week, secret: randomBytes(SECRET_BYTES), relays: [] };
  const kept = known.slice(0, KEPT_SECRETS - 1);
  transaction(() => mailbox.saveSecrets([made, ...kept]));
  return [made, ...kept];
}

/** People are told of that week's boxes at those relays: from now on they are read, whatever relays are used later. */
export function noteRelays(
  { mailbox, transaction }: Pick<Store, "mailbox" | "transaction">,
  { week, relays: known = [] }: MailboxSecret,
  relays: readonly string[],
): void {
  const fresh = relays.filter((relay) => !known.includes(relay));
  if (fresh.length === 0) return;
  // A list that never rests does not grow this one without end.
  const noted = [...new Set([...relays, ...known])].slice(0, MAX_RELAYS_A_WEEK);
  const secrets = mailbox.secrets().map((one) => (one.week === week ? { ...one, relays: noted } : one));
  transaction(() => mailbox.saveSecrets(secrets));
}

/**
 * Relays, by multiaddr, where people were told of boxes that may still hold something. One that nobody has opened for so
 * long is gone there.
 *
 * @param secrets  newest first
 * @param candidates  where they are by now
 */
export function toldRelays(secrets: readonly MailboxSecret[], candidates: readonly string[]): readonly string[] {
  const known = new Set<DeviceId | undefined>();
  const thisWeek = secrets[0]?.week ?? 0;
  const told = secrets
    .filter(({ week }) => thisWeek - week < KEPT_SECRETS)
    .flatMap(({ relays = [] }) => relays)
    .filter((relay) => {
      const id = findRelayOf(relay);
      const isNew = !known.has(id);
      known.add(id);
      return isNew;
    });
  const here = new Map(candidates.map((address) => [findRelayOf(address), address]));
  return told.slice(0, MAX_TOLD).map((address) => here.get(findRelayOf(address)) ?? address);
}

/** Those whose boxes at that relay people were told of. */
export function secretsTold(secrets: readonly MailboxSecret[], relay: DeviceId): readonly MailboxSecret[] {
  return secrets.filter(({ relays = [] }) => relays.some((address) => findRelayOf(address) === relay));
}

/** Besides, those whose boxes there people may be told of, or may have been: this week's, and where it was not noted. */
export function secretsUsable(
  secrets: readonly [MailboxSecret, ...MailboxSecret[]],
  relay: DeviceId,
): readonly MailboxSecret[] {
  const told = secretsTold(secrets, relay);
  return secrets.filter((one, at) => at === 0 || one.relays === undefined || told.includes(one));
}

export function ownBox({ secret }: MailboxSecret, relay: DeviceId, kind: BoxKey["kind"]): OwnBox {
  const key = privateKeyObject(derive(secret, `box/${kind}/${relay}`));
  const box = rawPublicKey(key);
  if (kind === "requests") return { kind, key, box, tokenKey: null };
  return { kind, key, box, tokenKey: derive(secret, `tokens/${relay}`) };
}

/** From which parcels for this device are opened. */
export function sealSeed({ secret }: MailboxSecret): Uint8Array {
  return derive(secret, "seal");
}

function derive(secret: Uint8Array, use: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, "", utf8(`p2pchat/mailbox/1/${use}`), 32));
}
