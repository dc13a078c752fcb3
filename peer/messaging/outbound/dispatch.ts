import { hex } from "../../../shared/bytes.ts";
import type { Content } from "../../../shared/content.ts";
import { ChatError } from "../../../shared/errors.ts";
import type { Username } from "../../../shared/username.ts";
import { readMessageId } from "../inbound/known-message.ts";
import type { MessengerDeps } from "../messenger.ts";
import type { ChangeParams, SendParams, SendResult } from "../operations/messages.ts";
import type { Contact } from "../ports/contacts.ts";
import type { OutboxRow } from "../store/outbox.ts";
import type { Store } from "../store.ts";

/** Into the outbox, out of it as far as the caller waits. */
export async function dispatch(
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
export async function waitFor(deps: MessengerDeps, { id, wait, timeoutMs }: ChangeParams): Promise<SendResult> {
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
