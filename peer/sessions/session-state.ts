import type { ClientState, EpochReceiverData, SecretTree } from "ts-mls";
import type { DeviceId } from "../../shared/device-id.ts";
import { ChatError } from "../../shared/errors.ts";
import type { Session } from "../messaging/ports/sessions.ts";
import { isLeafOf } from "./authentication.ts";
import { CIPHERSUITE } from "./ciphersuite.ts";

/** An own commit that the peer has not acknowledged, with the state it leads to. */
export type PendingCommit = { readonly message: Uint8Array; readonly next: ClientState };

export type SessionState = {
  readonly peer: DeviceId;
  /** The epoch both sides have. */
  readonly group: ClientState;
  readonly pending: PendingCommit | undefined;
  /** SHA-256 of the peer's commit applied last. */
  readonly lastApplied: Uint8Array | undefined;
};

export const GROUP_ID_BYTES = 32;

/** Secrets stay out of the session object, so that none is ever logged or copied with it. */
const states = new WeakMap<Session, SessionState>();

export function sessionOf(state: SessionState): Session {
  const { group } = state;
  const session: Session = Object.freeze({
    id: group.groupContext.groupId.slice(),
    peer: state.peer,
    opener: group.privatePath.leafIndex === 0,
    epoch: Number(group.groupContext.epoch),
    pendingCommit: state.pending?.message.slice(),
    sentInEpoch: applicationGeneration(group.secretTree, group.privatePath.leafIndex),
  });
  states.set(session, state);
  return session;
}

export function stateOf(session: Session): SessionState {
  const state = states.get(session);
  if (state === undefined) throw new ChatError("INTERNAL", "not a session, or a copy of one");
  return state;
}

export function peerLeafIndex(group: ClientState): number {
  return 1 - group.privatePath.leafIndex;
}

/** Messages sent (own leaf) or received (peer's) in the epoch of that tree. */
export function applicationGeneration(tree: SecretTree, leafIndex: number): number {
  const node = tree[2 * leafIndex];
  if (node === undefined) throw new ChatError("SESSION_INVALID", "a secret tree without that leaf");
  return node.application.generation;
}

export type EpochKeys = Pick<EpochReceiverData, "secretTree" | "senderDataSecret">;

/** The keys of the current epoch or the one before it. */
export function findEpochKeys(group: ClientState, epoch: bigint): EpochKeys | undefined {
  if (epoch !== group.groupContext.epoch) return group.historicalReceiverData.get(epoch);
  return { secretTree: group.secretTree, senderDataSecret: group.keySchedule.senderDataSecret };
}

/**
 * Checks that a group is a session of these two devices and nothing else.
 *
 * @throws ChatError SESSION_INVALID
 */
export function assertTwoDevices(group: ClientState, own: DeviceId, peer: DeviceId): void {
  const { groupContext, privatePath, ratchetTree } = group;
  const devices = privatePath.leafIndex === 0 ? [own, peer] : [peer, own];
  const [first, , second, ...more] = ratchetTree;
  const areTheirs = [first, second].map((node, index) => {
    const device = devices[index];
    if (node?.nodeType !== "leaf" || device === undefined) return false;
    return isLeafOf(device, node.leaf.credential, node.leaf.signaturePublicKey);
  });
  const isPlain =
    groupContext.groupId.length === GROUP_ID_BYTES &&
    groupContext.cipherSuite === CIPHERSUITE &&
    groupContext.extensions.length === 0 &&
    groupContext.epoch <= BigInt(Number.MAX_SAFE_INTEGER) &&
    Object.keys(group.unappliedProposals).length === 0 &&
    group.groupActiveState.kind === "active";
  if (more.length > 0 || privatePath.leafIndex > 1 || !areTheirs.every(Boolean) || !isPlain) {
    throw new ChatError("SESSION_INVALID", "not a session of these two devices");
  }
}

/**
 * Wipes what a step derived and used up. What the caller's session still holds stays: when the caller's transaction
 * fails it goes on with that session.
 */
export function wipe(
  consumed: readonly Uint8Array[],
  { secretTree, keySchedule, historicalReceiverData }: ClientState,
) {
  const trees = [secretTree, ...[...historicalReceiverData.values()].map((data) => data.secretTree)];
  const kept = new Set<Uint8Array>([keySchedule.initSecret]);
  for (const { application, handshake } of trees.flat()) kept.add(application.secret).add(handshake.secret);
  for (const secret of consumed) if (!kept.has(secret)) secret.fill(0);
}
