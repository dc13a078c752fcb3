import { createResolver, type ResolverOptions } from "../../peer/contacts/resolver.ts";
import type { Contact } from "../../peer/messaging/ports/contacts.ts";
import type { NameRecord } from "../../shared/name-record.ts";
import { memoryContacts } from "./memory-contacts.ts";
import { memoryNaming } from "./memory-naming.ts";
import { AUDIENCE, chainOf, NOW_MS, personOf, recordOf, rotate } from "./people.ts";

export const alice = personOf("alice");
export const bob = personOf("bob");
export const bobAgain = personOf("bob", { identity: "bob second identity" });
export const mallory = personOf("bob", { identity: "mallory", device: "mallory device" });

export const chain = await chainOf(bob, 3);
export const [first, second = first] = chain;
export const rotated = await rotate(bob, first, bobAgain);
export const swapped = await recordOf(mallory);

/** Alice's resolver with a server that shows these records of Bob. */
export function resolverShown(...records: NameRecord[]) {
  return resolverWith({}, ...records);
}

export function resolverWith(options: Partial<ResolverOptions>, ...records: NameRecord[]) {
  const time = { ms: NOW_MS, monotonicMs: 0 };
  const server = memoryNaming();
  const contacts = memoryContacts();
  if (records.length > 0) server.show(records);
  const now = () => time.ms;
  const monotonic = () => time.monotonicMs;
  const own = { own: alice, audience: () => AUDIENCE };
  const resolver = createResolver({ server, contacts, log: server.log, now, monotonic, ...own, ...options });
  const stored = (): Contact => {
    const contact = contacts.find(bob.username);
    if (contact === undefined) throw new Error("bob is not stored");
    return contact;
  };
  const change = (facts: Partial<Contact>) => contacts.save({ ...stored(), ...facts });
  return { time, server, contacts, resolver, stored, change };
}

/** Bob is pinned with his first record. */
export async function acquainted(options: Partial<ResolverOptions> = {}) {
  const it = resolverWith(options, first);
  await it.resolver.resolve(bob.username);
  return it;
}
