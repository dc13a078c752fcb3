import { utf8 } from "../../../shared/bytes.ts";
import { ChatError } from "../../../shared/errors.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import { readText } from "../../../shared/text.ts";
import { type KnownMessage, knownMessages, readMessageId } from "../inbound/known-message.ts";
import type { MessengerDeps } from "../messenger.ts";
import type { ChangeParams, SendResult } from "../operations/messages.ts";
import { dispatch, sendResult } from "./dispatch.ts";
import { cancelMessage, mayBeThere } from "./outbox-upkeep.ts";
import { pinned } from "./recipient.ts";

export async function edit(deps: MessengerDeps, params: ChangeParams & { text: string }): Promise<SendResult> {
  const text = readText(utf8(params.text));
  const { to, messageId } = ownMessage(deps, params.id);
  if (knownHere(deps, messageId).every(({ author }) => author !== deps.self.username)) throw unknownMessage();
  return dispatch(deps, await pinned(deps, to), { kind: "edit", target: messageId, text }, params);
}

/** One that is nowhere yet is cancelled; nobody needs to hear of it. */
export async function remove(deps: MessengerDeps, params: ChangeParams): Promise<SendResult> {
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

export async function react(deps: MessengerDeps, params: ChangeParams & { emoji: string }): Promise<SendResult> {
  const { emoji } = params;
  if (Buffer.byteLength(emoji) > LIMITS.reactionMaxBytes) {
    throw new ChatError("MESSAGE_TOO_LARGE", `a reaction has at most ${LIMITS.reactionMaxBytes} bytes`);
  }
  const target = readMessageId(params.id);
  const [about] = knownHere(deps, target);
  if (about === undefined) throw unknownMessage();
  return dispatch(deps, await pinned(deps, about.other), { kind: "reaction", target, emoji }, params);
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

function unknownMessage(): ChatError {
  return new ChatError("MESSAGE_UNKNOWN", "there is no such message here; nothing was sent");
}
