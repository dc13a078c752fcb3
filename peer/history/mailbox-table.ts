import { encode } from "cborg";
import { hex } from "../../shared/bytes.ts";
import { decodeOwnCbor } from "../../shared/cbor.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import type { RelayDescriptorPayload } from "../../shared/relay-descriptor.ts";
import type { Grant, GrantGiven, MailboxSecret, MailboxStore, WaitingParcel } from "../messaging/store/mailbox.ts";
import { answerTable } from "./answer-table.ts";
import type { Database } from "./database.ts";
import type { MetaStore } from "./meta-table.ts";
import { sealedTable } from "./sealed-table.ts";
import type { Sealer } from "./sealer.ts";

const SECRETS = "mailbox-secrets";
const RELAYS = "relays";
const RELAY_ORDER = "relay-order";
const RELAYS_WORKED = "relays-worked";

type GrantRow = { granted: Uint8Array | null; given: Uint8Array | null };
type ParcelRow = { id: number; sealed: Uint8Array };

export function mailboxTable(database: Database, { sealer, meta }: { sealer: Sealer; meta: MetaStore }): MailboxStore {
  const grants = sealedTable<Grant>(sealer, "mailbox_grants");
  const givens = sealedTable<GrantGiven>(sealer, "mailbox_given");
  const parcels = sealedTable<Omit<WaitingParcel, "id">>(sealer, "parcels");
  const tagOf = (device: DeviceId) => sealer.tag("device", device);
  const find = database.prepare<GrantRow>("SELECT granted, given FROM mailbox_grants WHERE device = ?");
  const upsert = (column: "granted" | "given") =>
    database.prepare(
      `INSERT INTO mailbox_grants (device, ${column}) VALUES (?, ?)
       ON CONFLICT (device) DO UPDATE SET ${column} = excluded.${column}`,
    );
  const [saveGranted, saveGiven] = [upsert("granted"), upsert("given")];
  const waiting = database.prepare<ParcelRow>("SELECT id, sealed FROM parcels WHERE device = ? ORDER BY id");
  const insert = database.prepare("INSERT INTO parcels (device, sealed) VALUES (?, ?)");
  const replace = database.prepare("UPDATE parcels SET sealed = ? WHERE id = ?");
  const remove = database.prepare("DELETE FROM parcels WHERE id = ?");
  const removeAll = database.prepare("DELETE FROM parcels WHERE device = ?");
  const removeGrants = database.prepare("DELETE FROM mailbox_grants WHERE device = ?");
  const clearGrants = database.prepare("DELETE FROM mailbox_grants");
  const clearParcels = database.prepare("DELETE FROM parcels");
  const { forgetAnswersFor, clearAnswers, ...answers } = answerTable(database, sealer);
  return {
    ...answers,
    secrets() {
      const sealed = meta.get(SECRETS);
      return sealed === undefined ? [] : (decodeOwnCbor(sealed) as readonly MailboxSecret[]);
    },
    saveSecrets: (secrets) => meta.set(SECRETS, encode(secrets)),
    grantOf(device) {
      const tag = tagOf(device);
      const sealed = find.get(tag)?.granted;
      return sealed == null ? undefined : grants.open(hex(tag), sealed);
    },
    saveGrant(device, grant) {
      const tag = tagOf(device);
      saveGranted.run(tag, grants.seal(hex(tag), grant));
    },
    givenTo(device) {
      const tag = tagOf(device);
      const sealed = find.get(tag)?.given;
      return sealed == null ? undefined : givens.open(hex(tag), sealed);
    },
    saveGiven(device, given) {
      const tag = tagOf(device);
      saveGiven.run(tag, givens.seal(hex(tag), given));
    },
    parcels(device) {
      const tag = tagOf(device);
      return waiting.all(tag).map(({ id, sealed }) => ({ id, ...parcels.open(hex(tag), sealed) }));
    },
    addParcel(device, parcel) {
      const tag = tagOf(device);
      insert.run(tag, parcels.seal(hex(tag), parcel));
    },
    replaceParcel(device, { id, ...parcel }) {
      replace.run(parcels.seal(hex(tagOf(device)), parcel), id);
    },
    removeParcel: (id) => void remove.run(id),
    removeParcels: (device) => void removeAll.run(tagOf(device)),
    forget(device) {
      removeGrants.run(tagOf(device));
      removeAll.run(tagOf(device));
      forgetAnswersFor(device);
    },
    relays() {
      const sealed = meta.get(RELAYS);
      return sealed === undefined ? [] : (decodeOwnCbor(sealed) as readonly RelayDescriptorPayload[]);
    },
    saveRelays: (relays) => meta.set(RELAYS, encode(relays)),
    relayOrderSecret: () => meta.get(RELAY_ORDER),
    saveRelayOrderSecret: (secret) => meta.set(RELAY_ORDER, secret),
    relaysWorked() {
      const sealed = meta.get(RELAYS_WORKED);
      return sealed === undefined ? [] : (decodeOwnCbor(sealed) as readonly string[]);
    },
    saveRelaysWorked: (relays) => meta.set(RELAYS_WORKED, encode(relays)),
    clear() {
      clearGrants.run();
      clearParcels.run();
      clearAnswers();
      meta.delete(SECRETS);
      meta.delete(RELAY_ORDER);
      meta.delete(RELAYS_WORKED);
    },
  };
}
