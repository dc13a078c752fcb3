import { utf8 } from "../../../shared/bytes.ts";
import type { Content, ContentOf } from "../../../shared/content.ts";
import { ChatError } from "../../../shared/errors.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import { readText } from "../../../shared/text.ts";
import { readOther } from "../addressee.ts";
import { readMessageId } from "../inbound/known-message.ts";
import type { MessengerDeps } from "../messenger.ts";
import type { SendParams, SendResult } from "../operations/messages.ts";
import type { Operations } from "../operations.ts";
import type { Contact } from "../ports/contacts.ts";
import { edit, react, remove } from "./change-message.ts";
import { dispatch, sendResult, waitFor } from "./dispatch.ts";
import { assertMayWrite, pinned, recipient } from "./recipient.ts";

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
