import { ChatError, isChatError } from "../../shared/errors.ts";
import { fingerprintOf } from "../../shared/fingerprint.ts";
import { parseNameRecord } from "../../shared/name-record.ts";
import { parseSafetyNumber, safetyNumberOf } from "../../shared/safety-number.ts";
import { readAddressee, readOther } from "./addressee.ts";
import { isoTime } from "./feed/message-view.ts";
import { inboxMode, setInboxMode } from "./inbound/inbox-mode.ts";
import { describeChange } from "./keys/key-change.ts";
import type { MessengerDeps } from "./messenger.ts";
import type { ContactView, RecordView, TrustResult, VerifyResult } from "./operations/contacts.ts";
import type { Operations } from "./operations.ts";
import type { Contact } from "./ports/contacts.ts";

type ContactOperations = Pick<
  Operations,
  | "contactsList"
  | "contactsShow"
  | "contactsRemove"
  | "contactsBlock"
  | "contactsAccept"
  | "contactsSet"
  | "inbox"
  | "verify"
  | "trust"
  | "lookup"
  | "online"
>;

/** What concerns the people this profile knows, or asks about. */
export function contactOperations(deps: MessengerDeps): ContactOperations {
  const { store } = deps;
  return {
    contactsList: async () => ({ contacts: store.contacts.list().map(viewContact) }),
    contactsShow: async ({ username }) => viewContact(knownContact(deps, username)),
    contactsRemove: async ({ username }) => ({ username: removeContact(deps, username).username }),
    contactsAccept: async ({ username }) => accept(deps, username),
    contactsSet: async (params) => viewContact(setContact(deps, params)),
    inbox: async ({ mode }) => {
      if (mode !== undefined) setInboxMode(store, mode);
      const requests = store.inbox.requests().map(({ from, messages }) => ({ username: from, messages }));
      return { mode: inboxMode(store), requests };
    },
    contactsBlock: async ({ username, blocked }) => {
      const contact = { ...knownContact(deps, username), blocked };
      store.transaction(() => store.contacts.save(contact));
      return viewContact(contact);
    },
    verify: (params) => verify(deps, params),
    trust: (params) => trust(deps, params),
    lookup: ({ username }) => lookup(deps, username),
    online: async () => ({
      online: (await deps.naming.online()).map(({ username, devices }) => ({
        username,
        devices,
        contact: store.contacts.find(username) !== undefined,
      })),
    }),
  };
}

function knownContact({ store, server }: MessengerDeps, typed: string): Contact {
  const username = readAddressee(typed, server);
  const contact = store.contacts.find(username);
  if (contact === undefined) throw new ChatError("CONTACT_UNKNOWN", `${username} is not among your contacts`);
  return contact;
}

/** Their sessions end too, and what waits for them fails: whoever writes again begins as a stranger. */
function removeContact(deps: MessengerDeps, typed: string): Contact {
  const { store } = deps;
  const contact = knownContact(deps, typed);
  const waiting = store.outbox.open().filter(({ to, state }) => to === contact.username && state !== "failed");
  store.transaction(() => {
    for (const { id } of waiting) store.outbox.markFailed(id, "CONTACT_UNKNOWN", undefined);
    for (const device of contact.devices) {
      for (const { id } of store.sessions.forDevice(device)) store.sessions.close(id);
      store.mailbox.forget(device);
    }
    store.contacts.remove(contact.username);
    store.inbox.countAnew(contact.username);
  });
  for (const device of contact.devices) deps.running()?.delivery.forget(device);
  deps.watch.changed(waiting.map(({ messageId }) => messageId));
  return contact;
}

/** What they wrote before shows now, behind what is visible already. */
function accept(deps: MessengerDeps, typed: string): ContactView {
  const { store } = deps;
  const contact = { ...knownContact(deps, typed), accepted: true };
  store.transaction(() => {
    store.contacts.save(contact);
    store.inbox.accept(contact.username);
  });
  deps.feedChanged();
  return viewContact(contact);
}

function setContact(
  deps: MessengerDeps,
  { username, expireSeconds, readMarks, typing }: Parameters<Operations["contactsSet"]>[0],
): Contact {
  const { expireSeconds: before, ...known } = knownContact(deps, username);
  const seconds = expireSeconds === undefined ? before : (expireSeconds ?? undefined);
  const contact: Contact = {
    ...known,
    ...(seconds !== undefined && { expireSeconds: seconds }),
    readMarks: readMarks ?? known.readMarks ?? false,
    typing: typing ?? known.typing ?? false,
  };
  deps.store.transaction(() => deps.store.contacts.save(contact));
  return contact;
}

function viewContact(contact: Contact): ContactView {
  const { username, identity, verified, blocked, accepted, changed, seq, devices, pinnedAtMs } = contact;
  return {
    username,
    fingerprint: fingerprintOf(identity),
    verified,
    blocked,
    accepted,
    keyChanged: changed !== undefined,
    seq,
    devices,
    expireSeconds: contact.expireSeconds ?? null,
    readMarks: contact.readMarks ?? false,
    typing: contact.typing ?? false,
    pinnedAt: isoTime(pinnedAtMs),
  };
}

async function verify(deps: MessengerDeps, params: { username: string; number?: string }): Promise<VerifyResult> {
  const { self, store } = deps;
  const username = readOther(params.username, deps);
  const contact = store.contacts.find(username) ?? (await deps.resolver.resolve(username)).contact;
  const safetyNumber = safetyNumberOf(self, contact);
  if (params.number === undefined) return { username, safetyNumber, verified: contact.verified };
  if (parseSafetyNumber(params.number) !== safetyNumber) {
    throw new ChatError(
      "SAFETY_NUMBER_MISMATCH",
      `that is not the safety number with ${username}: do not trust this key`,
    );
  }
  store.transaction(() => store.contacts.save({ ...contact, verified: true }));
  return { username, safetyNumber, verified: true };
}

/** Shows both keys, asked of the server anew; pins the new one where `accept` is its fingerprint. */
async function trust(deps: MessengerDeps, params: { username: string; accept?: string }): Promise<TrustResult> {
  const { username } = knownContact(deps, params.username);
  await deps.resolver.resolve(username).catch((error: unknown) => {
    if (!isChatError(error, "KEY_CHANGED")) throw error;
  });
  const contact = knownContact(deps, username);
  const oldFingerprint = fingerprintOf(contact.identity);
  if (contact.changed === undefined) {
    return { username, oldFingerprint, newFingerprint: oldFingerprint, accepted: true };
  }
  const change = await describeChange(deps, { ...contact, changed: contact.changed });
  const newFingerprint = fingerprintOf(parseNameRecord(contact.changed.record).identity);
  if (params.accept === undefined) return { username, oldFingerprint, newFingerprint, accepted: false, change };
  if (params.accept !== newFingerprint) {
    throw new ChatError("KEY_CHANGED", `the key of ${username} has changed again; nothing was accepted`, {
      details: { username, oldFingerprint, newFingerprint },
    });
  }
  const accepted = await deps.resolver.trust(username);
  deps.running()?.delivery.retry();
  return { username, oldFingerprint, newFingerprint: fingerprintOf(accepted.identity), accepted: true, change };
}

async function lookup(deps: MessengerDeps, typed: string): Promise<RecordView> {
  const username = readAddressee(typed, deps.server);
  const { record, addresses } = await deps.resolver.inspect(username);
  return {
    username,
    fingerprint: fingerprintOf(record.identity),
    seq: record.payload.seq,
    devices: record.devices,
    online: addresses.size > 0,
    pinned: deps.store.contacts.find(username) !== undefined,
  };
}
