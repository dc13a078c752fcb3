import { equalBytes, hex } from "../../shared/bytes.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import type { Contact, ContactStore } from "../messaging/ports/contacts.ts";
import type { Database } from "./database.ts";
import { sealedTable } from "./sealed-table.ts";
import type { Sealer } from "./sealer.ts";

type Row = { name_tag: Uint8Array; sealed: Uint8Array };

export function contactTable(database: Database, sealer: Sealer): ContactStore {
  const sealed = sealedTable<Contact>(sealer, "contacts");
  const tagOf = (username: string) => sealer.tag("name", username);
  const deviceTag = (device: DeviceId) => sealer.tag("device", device);
  // The same contact is asked for with every message, and rarely changes.
  const opened = new Map<string, { readonly sealed: Uint8Array; readonly contact: Contact }>();
  const read = (row: Row | undefined): Contact | undefined => {
    if (row === undefined) return undefined;
    const name = hex(row.name_tag);
    const known = opened.get(name);
    if (known !== undefined && equalBytes(known.sealed, row.sealed)) return known.contact;
    const stored = sealed.open(name, row.sealed);
    // Contacts of the first versions have none.
    const contact = { ...stored, mailboxes: stored.mailboxes ?? {}, changed: stored.changed ?? undefined };
    opened.set(name, { sealed: row.sealed, contact });
    return contact;
  };
  const find = database.prepare<Row>("SELECT name_tag, sealed FROM contacts WHERE name_tag = ?");
  const findByDevice = database.prepare<Row>(
    "SELECT name_tag, sealed FROM contacts JOIN contact_devices USING (name_tag) WHERE device = ?",
  );
  const list = database.prepare<Row>("SELECT name_tag, sealed FROM contacts");
  const upsert = database.prepare(
    `INSERT INTO contacts (name_tag, sealed) VALUES (?, ?)
     ON CONFLICT (name_tag) DO UPDATE SET sealed = excluded.sealed`,
  );
  const remove = database.prepare("DELETE FROM contacts WHERE name_tag = ?");
  const removeDevices = database.prepare("DELETE FROM contact_devices WHERE name_tag = ?");
  const addDevice = database.prepare("INSERT INTO contact_devices (device, name_tag) VALUES (?, ?)");
  return {
    find: (username) => read(find.get(tagOf(username))),
    findByDevice: (device) => read(findByDevice.get(deviceTag(device))),
    list: () =>
      list
        .all()
        .flatMap((row) => read(row) ?? [])
        .sort((a, b) => (a.username < b.username ? -1 : 1)),
    save(contact) {
      const tag = tagOf(contact.username);
      upsert.run(tag, sealed.seal(hex(tag), contact));
      removeDevices.run(tag);
      for (const device of contact.devices) addDevice.run(deviceTag(device), tag);
    },
    remove(username) {
      opened.delete(hex(tagOf(username)));
      return remove.run(tagOf(username)).changes > 0;
    },
  };
}
