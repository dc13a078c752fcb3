import {
  type ClientState,
  createApplicationMessage,
  emptyPskIndex,
  type PrivateMessage,
  processPrivateMessage,
} from "ts-mls";
import { decryptSenderData } from "ts-mls/privateMessage.js";
import { ChatError } from "../../shared/errors.ts";
import { guarded } from "./library-boundary.ts";
import { decodePrivateMessage, encodePrivateMessage } from "./mls-message.ts";
import type { OwnDevice } from "./own-device.ts";
import {
  applicationGeneration,
  type EpochKeys,
  findEpochKeys,
  peerLeafIndex,
  type SessionState,
  wipe,
} from "./session-state.ts";

export function encryptMessage(
  device: OwnDevice,
  state: SessionState,
  plaintext: Uint8Array,
  authenticatedData: Uint8Array,
): Promise<{ state: SessionState; ciphertext: Uint8Array }> {
  return guarded("INTERNAL", "a message that cannot be encrypted", async () => {
    if (state.pending !== undefined) throw new ChatError("INTERNAL", "nothing is encrypted under a pending commit");
    const sealed = await createApplicationMessage(state.group, plaintext, device.suite, authenticatedData);
    wipe(sealed.consumed, state.group);
    return { state: { ...state, group: sealed.newState }, ciphertext: encodePrivateMessage(sealed.privateMessage) };
  });
}

export async function decryptMessage(
  device: OwnDevice,
  state: SessionState,
  ciphertext: Uint8Array,
): Promise<{ state: SessionState; plaintext: Uint8Array; authenticatedData: Uint8Array }> {
  const { groupId } = state.group.groupContext;
  const message = decodePrivateMessage(ciphertext, { groupId, contentType: "application" });
  const keys = epochKeys(state.group, message.epoch);
  const opened = await guarded("SESSION_INVALID", "a message that does not decrypt", () =>
    processPrivateMessage(state.group, message, emptyPskIndex, device.suite, () => "reject"),
  ).catch(async (error) => {
    throw (await findOrderFault(device, state.group, message, keys)) ?? error;
  });
  if (opened.kind !== "applicationMessage") throw new ChatError("SESSION_INVALID", "not an application message");
  assertNextOfPeer(state.group, opened.newState, message.epoch);
  wipe(opened.consumed, state.group);
  const { authenticatedData } = message;
  return { state: { ...state, group: opened.newState }, plaintext: opened.message, authenticatedData };
}

function epochKeys(group: ClientState, epoch: bigint): EpochKeys {
  const keys = findEpochKeys(group, epoch);
  if (keys !== undefined) return keys;
  throw new ChatError("SESSION_OUT_OF_ORDER", "a message of an epoch that is not at hand", {
    reason: "epoch",
    details: { epoch: Number(epoch), expectedEpoch: Number(group.groupContext.epoch) },
  });
}

/**
 * The library goes nowhere past a missing message and tells nobody why; which message it was stands under the epoch's
 * own key, so that only the two devices can make it say "out of order".
 */
async function findOrderFault(
  { suite }: OwnDevice,
  group: ClientState,
  message: PrivateMessage,
  { senderDataSecret, secretTree }: EpochKeys,
): Promise<ChatError | undefined> {
  const sender = await decryptSenderData(message, senderDataSecret, suite).catch(() => undefined);
  const expected = applicationGeneration(secretTree, peerLeafIndex(group));
  if (sender?.leafIndex !== peerLeafIndex(group) || sender.generation === expected) return undefined;
  const reason = sender.generation < expected ? "repeated" : "skipped";
  return new ChatError("SESSION_OUT_OF_ORDER", `a message that is ${reason === "repeated" ? "not new" : "too early"}`, {
    reason,
    details: { epoch: Number(message.epoch), generation: sender.generation, expectedGeneration: expected },
  });
}

/** The library does not say who wrote a message; whose ratchet moved does. */
function assertNextOfPeer(before: ClientState, after: ClientState, epoch: bigint): void {
  const peer = peerLeafIndex(before);
  const received = (group: ClientState) => applicationGeneration(epochKeys(group, epoch).secretTree, peer);
  if (received(after) !== received(before) + 1) throw new ChatError("SESSION_INVALID", "not the peer's next message");
}
