import { hex, utf8 } from "../../shared/bytes.ts";
import type { Content, ContentOf } from "../../shared/content.ts";
import { ChatError } from "../../shared/errors.ts";
import { fingerprintOf } from "../../shared/fingerprint.ts";
import { parseNameRecord } from "../../shared/name-record.ts";
import { LIMITS } from "../../shared/protocol.ts";
import { readText } from "../../shared/text.ts";
import type { Username } from "../../shared/username.ts";
import { readOther } from "./addressee.ts";
import { type KnownMessage, knownMessages } from "./known-message.ts";
import type { MessengerDeps } from "./messenger.ts";
import type { ChangeParams, SendParams, SendResult } from "./operations/messages.ts";
import type { Operations } from "./operations.ts";
import { cancelMessage, mayBeThere } from "./outbox-upkeep.ts";
import type { Contact } from "./ports/contacts.ts";
import type { OutboxRow } from "./store/outbox.ts";
import type { Store } from "./store.ts";

const RECORD_AGE_MS = 5000;
const LOOKUP_PATIENCE_MS = 60_000;

type SendOperations = Pick<Operations, "send" | "edit" | "remove" | "react" | "markRead" | "typing" | "outboxWait">;

/** What this profile says to others. */
export function sendOperations(deps: MessengerDeps): SendOperations {
  return {
    send: (params) => send(deps, params),
    edit: (params) => edit(deps, params),
    remove: (params) => remove(deps, params),
    react: (params) => react(deps, params),
    markRead: (params) => markRead(deps, params.with),
    typing: (params) => tellTyping(deps, params.to),
    outboxWait: (params) => waitFor(deps, params),
  };
}

async function send(deps: MessengerDeps, params: SendParams): Promise<SendResult> {
  const startedMs = deps.runtime.monotonic();
  const username = readOther(params.to, deps);
  const draft = readDraft(params);
  const to = await recipient(deps, username, params);
  const content = contentFor(to, draft, deps.serverNow());
  const timeoutMs = params.timeoutMs - (deps.runtime.monotonic() - startedMs);
  return dispatch(deps, to, content, { ...params, timeoutMs });
}

type TextDraft = Pick<ContentOf<"text">, "text" | "replyTo"> & { readonly expireSeconds: number | undefined };

/** @throws ChatError MESSAGE_EMPTY, MESSAGE_TOO_LARGE, MESSAGE_NOT_TEXT, USAGE */
function readDraft({ text, replyTo, expireSeconds }: SendParams): TextDraft {
  const read = { text: readText(utf8(text)), expireSeconds };
  return replyTo === undefined ? read : { ...read, replyTo: readMessageId(replyTo) };
}

/** What is set for the contact holds where nothing else is said. */
function contentFor(to: Contact, { expireSeconds = to.expireSeconds, ...said }: TextDraft, nowMs: number): Content {
  const content: Content = { kind: "text", ...said };
  return expireSeconds === undefined ? content : { ...content, expiresAt: nowMs + expireSeconds * 1000 };
}

/**
 * Takes a message into the outbox without asking anybody: for a contact that is pinned.
 *
 * @throws ChatError PROFILE_BUSY for anybody else
 */
export async function queueForContact(
  deps: Pick<MessengerDeps, "self" | "store" | "acceptor" | "server" | "serverNow">,
  params: SendParams,
): Promise<SendResult> {
  const username = readOther(params.to, deps);
  const to = deps.store.contacts.find(username);
  if (to === undefined)
    throw new ChatError("PROFILE_BUSY", `this profile is in use, and ${username} is not a contact yet`);
  assertMayWrite(to);
  const content = contentFor(to, readDraft(params), deps.serverNow());
  const { messageId } = await deps.acceptor.accept({ to, content, requestKey: params.id });
  return sendResult(deps.store, messageId, username);
}

async function edit(deps: MessengerDeps, params: ChangeParams & { text: string }): Promise<SendResult> {
  const text = readText(utf8(params.text));
  const { to, messageId } = ownMessage(deps, params.id);
  if (knownHere(deps, messageId).every(({ author }) => author !== deps.self.username)) throw unknownMessage();
  return dispatch(deps, await pinned(deps, to), { kind: "edit", target: messageId, text }, params);
}

/** One that is nowhere yet is cancelled; nobody needs to hear of it. */
async function remove(deps: MessengerDeps, params: ChangeParams): Promise<SendResult> {
  const { to, messageId } = ownMessage(deps, params.id);
  const contact = await pinned(deps, to);
  const isNowhere = deps.store.outbox
    .ofMessage(messageId)
    .every((row) => (row.state === "queued" || row.state === "failed") && !mayBeThere(row));
  if (!isNowhere) return dispatch(deps, contact, { kind: "delete", target: messageId }, params);
  cancelMessage(deps, messageId);
  deps.watch.changed([messageId]);
  return sendResult(deps.store, messageId, to);
}

async function react(deps: MessengerDeps, params: ChangeParams & { emoji: string }): Promise<SendResult> {
  const { emoji } = params;
  if (Buffer.byteLength(emoji) > LIMITS.reactionMaxBytes) {
    throw new ChatError("MESSAGE_TOO_LARGE", `a reaction has at most ${LIMITS.reactionMaxBytes} bytes`);
  }
  const target = readMessageId(params.id);
  const [about] = knownHere(deps, target);
  if (about === undefined) throw unknownMessage();
  return dispatch(deps, await pinned(deps, about.other), { kind: "reaction", target, emoji }, params);
}

/** Nothing is said to somebody whom the user tells nothing. */
async function markRead(deps: MessengerDeps, typed: string): Promise<{ told: number }> {
  const { store, acceptor } = deps;
  const contact = await pinned(deps, readOther(typed, deps));
  const targets = store.transaction(() => store.inbox.takeUnread(contact.username));
  if (contact.readMarks !== true) return { told: 0 };
  for (let at = 0; at < targets.length; at += LIMITS.readMarksPerMessage) {
    const some = targets.slice(at, at + LIMITS.readMarksPerMessage);
    await acceptor.accept({ to: contact, content: { kind: "read", targets: some } });
  }
  if (targets.length > 0) deps.running()?.delivery.deliver(contact.username, contact.devices);
  return { told: targets.length };
}

/** Passing: nothing is stored, looked up or started for it. */
async function tellTyping(deps: MessengerDeps, typed: string): Promise<{ told: number }> {
  const contact = deps.store.contacts.find(readOther(typed, deps));
  const running = deps.running();
  if (contact === undefined || running === undefined) return { told: 0 };
  return { told: await running.typing.tell(contact) };
}

/** Into the outbox, out of it as far as the caller waits. */
async function dispatch(
  deps: MessengerDeps,
  to: Contact,
  content: Content,
  { wait, timeoutMs, id }: Pick<SendParams, "wait" | "timeoutMs" | "id">,
): Promise<SendResult> {
  const { store, watch, acceptor, runtime } = deps;
  const startedMs = runtime.monotonic();
  const requestKey = content.kind === "text" ? id : undefined;
  const message = await acceptor.accept({ to, content, requestKey });
  // Who is answered is accepted: what waited of theirs shows now.
  if (!to.accepted) deps.feedChanged();
  const running = wait === "queued" ? deps.running() : await deps.engine();
  running?.delivery.deliver(to.username, to.devices);
  if (wait !== "queued") {
    const leftMs = () => timeoutMs - (runtime.monotonic() - startedMs);
    await watch.settled(message.messageId, wait, leftMs());
    await running?.readAnswers({ withinMs: leftMs(), asked: false });
  }
  return sendResult(store, message.messageId, to.username);
}

/** For what is in the outbox already. */
async function waitFor(deps: MessengerDeps, { id, wait, timeoutMs }: ChangeParams): Promise<SendResult> {
  const { store, watch, runtime } = deps;
  const startedMs = runtime.monotonic();
  const messageId = readMessageId(id);
  const message = store.history.findOwn(messageId);
  if (message === undefined) throw new ChatError("OUTBOX_UNKNOWN", "no message of yours has that id");
  if (wait !== "queued") {
    // Once it runs, it takes up whatever waits.
    const { readAnswers } = await deps.engine();
    const leftMs = () => timeoutMs - (runtime.monotonic() - startedMs);
    await watch.settled(messageId, wait, leftMs());
    await readAnswers({ withinMs: leftMs(), asked: false });
  }
  return sendResult(store, messageId, message.to);
}

/** The recipient, checked as far as the naming server can be asked; nothing is stored before this succeeds. */
async function recipient(deps: MessengerDeps, username: Username, { timeoutMs, wait }: SendParams): Promise<Contact> {
  const known = deps.store.contacts.find(username);
  // A pinned contact is written to at once where nobody waits and nothing runs; the next delivery asks the server.
  const longestMs = wait === "queued" && known !== undefined ? RECORD_AGE_MS : LOOKUP_PATIENCE_MS;
  const patienceMs = Math.min(timeoutMs, longestMs);
  const signal = AbortSignal.timeout(Math.max(1, Math.ceil(patienceMs)));
  const { contact } = await deps.resolver.resolve(username, { maxAgeMs: RECORD_AGE_MS, signal });
  assertMayWrite(contact);
  return contact;
}

/** Somebody with whom there is a conversation already. */
async function pinned({ store }: MessengerDeps, username: Username): Promise<Contact> {
  const contact = store.contacts.find(username);
  if (contact === undefined) throw new ChatError("CONTACT_UNKNOWN", `${username} is not among your contacts`);
  assertMayWrite(contact);
  return contact;
}

function assertMayWrite(contact: Contact): void {
  const { username, blocked, changed, identity } = contact;
  if (blocked) throw new ChatError("CONTACT_BLOCKED", `${username} is blocked here; nothing was sent`);
  if (changed === undefined) return;
  const oldFingerprint = fingerprintOf(identity);
  const newFingerprint = fingerprintOf(parseNameRecord(changed.record).identity);
  throw new ChatError("KEY_CHANGED", `the key of ${username} has changed; nothing was sent`, {
    details: { username, oldFingerprint, newFingerprint },
  });
}

function ownMessage({ store }: MessengerDeps, id: string) {
  const message = store.history.findOwn(readMessageId(id));
  if (message?.kind !== "text") throw unknownMessage();
  return message;
}

/** What of that id can still be seen. */
function knownHere({ self, store, expiryNow }: MessengerDeps, messageId: Uint8Array): readonly KnownMessage[] {
  return knownMessages({ self, store, nowMs: expiryNow() }, messageId).filter(({ state }) => state === "shown");
}

export function readMessageId(id: string): Uint8Array {
  if (!/^[0-9a-f]{32}$/.test(id)) throw new ChatError("USAGE", "a message id has 32 hex digits");
  return Buffer.from(id, "hex");
}

function unknownMessage(): ChatError {
  return new ChatError("MESSAGE_UNKNOWN", "there is no such message here; nothing was sent");
}

export function sendResult(store: Store, messageId: Uint8Array, to: Username): SendResult {
  const rows = store.outbox.ofMessage(messageId);
  return {
    id: hex(messageId),
    to,
    state: store.outbox.stateOf(messageId),
    devices: rows.map((row) => ({
      device: row.device,
      state: row.tombstone ? "failed" : row.state,
      path: row.path,
      ...why(row),
    })),
  };
}

/** Why a row is not there yet, or never will be. */
export function why({ error, reason }: OutboxRow) {
  return { ...(error !== undefined && { error }), ...(reason !== undefined && { reason }) };
}
