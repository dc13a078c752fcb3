import type { Contact, ContactStore } from "../../peer/messaging/ports/contacts.ts";
import type { Username } from "../../shared/username.ts";

/** A ContactStore in memory that counts what is written. */
export function memoryContacts(...contacts: readonly Contact[]): ContactStore & { readonly saves: number } {
  const stored = new Map<Username, Contact>(contacts.map((contact) => [contact.username, contact]));
  let saves = 0;
  return {
    find: (username) => stored.get(username),
    findByDevice: (device) => [...stored.values()].find(({ devices }) => devices.includes(device)),
    list: () => [...stored.values()],
    save(contact) {
      saves += 1;
      stored.set(contact.username, contact);
    },
    remove: (username) => stored.delete(username),
    get saves() {
      return saves;
    },
  };
}
