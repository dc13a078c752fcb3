import { type ClientState, createCommit, emptyPskIndex, encodeMlsMessage, processPrivateMessage } from "ts-mls";
import { compareBytes } from "../../shared/bytes.ts";
import { ChatError } from "../../shared/errors.ts";
import { sha256 } from "../../shared/hash.ts";
import { guarded } from "./library-boundary.ts";
import { decodePrivateMessage } from "./mls-message.ts";
import type { OwnDevice } from "./own-device.ts";
import { assertTwoDevices, peerLeafIndex, type SessionState, wipe } from "./session-state.ts";

/*
 * A commit replaces the committer's keys and those of the whole session (RFC 9420 12.4): after one of each side, whoever
 * stole an older state reads nothing more. Both may commit in the same epoch: then leaf 0, the opener, wins.
 */

export async function beginCommit(
  device: OwnDevice,
  state: SessionState,
): Promise<{ state: SessionState; commit: Uint8Array }> {
  if (state.pending !== undefined) return { state, commit: state.pending.message.slice() };
  return guarded("INTERNAL", "no commit can be made", async () => {
    const made = await createCommit({ state: state.group, cipherSuite: device.suite });
    wipe(made.consumed, state.group);
    const message = encodeMlsMessage(made.commit);
    return { state: { ...state, pending: { message, next: made.newState } }, commit: message.slice() };
  });
}

export function confirmCommit(state: SessionState, commit: Uint8Array): SessionState {
  const { pending } = state;
  if (pending === undefined || compareBytes(pending.message, commit) !== 0) {
    throw new ChatError("SESSION_INVALID", "not the pending commit");
  }
  return { ...state, group: withReceivedSoFar(pending.next, state.group), pending: undefined };
}

/**
 * The state after a commit remembers the epoch before it as it was when the commit was made; what was received since
 * must not be receivable again.
 */
function withReceivedSoFar(next: ClientState, last: ClientState): ClientState {
  const { epoch } = last.groupContext;
  const remembered = next.historicalReceiverData.get(epoch);
  if (remembered === undefined) throw new ChatError("INTERNAL", "a commit that forgot the epoch before it");
  return { ...next, historicalReceiverData: new Map([[epoch, { ...remembered, secretTree: last.secretTree }]]) };
}

export type CommitOutcome = "applied" | "repeated" | "refused";

export async function receiveCommit(
  device: OwnDevice,
  state: SessionState,
  commit: Uint8Array,
): Promise<{ state: SessionState; outcome: CommitOutcome }> {
  const hash = sha256(commit);
  if (state.lastApplied !== undefined && compareBytes(state.lastApplied, hash) === 0) {
    return { state, outcome: "repeated" };
  }
  const group = await applyCommit(device, state, commit);
  const isOpener = state.group.privatePath.leafIndex === 0;
  if (isOpener && state.pending !== undefined) return { state, outcome: "refused" };
  return { state: { ...state, group, pending: undefined, lastApplied: hash }, outcome: "applied" };
}

async function applyCommit(device: OwnDevice, { group, peer }: SessionState, commit: Uint8Array): Promise<ClientState> {
  const { groupId, epoch } = group.groupContext;
  const message = decodePrivateMessage(commit, { groupId, contentType: "commit" });
  if (message.epoch !== epoch) {
    throw new ChatError("SESSION_OUT_OF_ORDER", "a commit of another epoch", {
      reason: "epoch",
      details: { epoch: Number(message.epoch), expectedEpoch: Number(epoch) },
    });
  }
  return guarded("SESSION_INVALID", "a commit that does not apply", async () => {
    const result = await processPrivateMessage(group, message, emptyPskIndex, device.suite, (incoming) =>
      incoming.kind === "commit" && incoming.senderLeafIndex === peerLeafIndex(group) && incoming.proposals.length === 0
        ? "accept"
        : "reject",
    );
    if (result.kind !== "newState" || result.actionTaken === "reject") {
      throw new ChatError("SESSION_INVALID", "a commit that does more than renew keys");
    }
    assertTwoDevices(result.newState, device.id, peer);
    wipe(result.consumed, group);
    return result.newState;
  });
}
