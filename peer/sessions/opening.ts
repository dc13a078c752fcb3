import { type ClientState, createCommit, createGroup, emptyPskIndex, joinGroup, type KeyPackage } from "ts-mls";
import type { DeviceId } from "../../shared/device-id.ts";
import { ChatError } from "../../shared/errors.ts";
import type { NewKeyPackage } from "../messaging/ports/sessions.ts";
import { clientConfig } from "./client-config.ts";
import { generateKeyPackage, isWithinLifetime, readKeyPackage, readPrivatePackage } from "./key-package.ts";
import { guarded } from "./library-boundary.ts";
import { decodeWelcome, encodeWelcome } from "./mls-message.ts";
import type { OwnDevice } from "./own-device.ts";
import { assertTwoDevices, GROUP_ID_BYTES, type SessionState } from "./session-state.ts";

export function openSession(
  device: OwnDevice,
  peer: DeviceId,
  peerPackage: Uint8Array,
): Promise<{ state: SessionState; welcome: Uint8Array }> {
  return guarded("KEY_PACKAGE_INVALID", "no session can be opened with this key package", async () => {
    const keyPackage = readKeyPackage(peerPackage, peer, device.now());
    const { newState, welcome } = await addPeer(device, peer, keyPackage);
    if (welcome === undefined) throw new ChatError("INTERNAL", "a commit that adds somebody gave no Welcome");
    // Nothing was ever sent in the epoch before the peer joined.
    const group = { ...newState, historicalReceiverData: new Map() };
    assertTwoDevices(group, device.id, peer);
    return { state: newSession(peer, group), welcome: encodeWelcome(welcome) };
  });
}

async function addPeer(device: OwnDevice, peer: DeviceId, keyPackage: KeyPackage) {
  const own = await generateKeyPackage(device, []);
  const groupId = device.randomBytes(GROUP_ID_BYTES);
  const config = clientConfig(device.id, peer);
  const alone = await createGroup(groupId, own.publicPackage, own.privatePackage, [], device.suite, config);
  return createCommit(
    { state: alone, cipherSuite: device.suite },
    { extraProposals: [{ proposalType: "add", add: { keyPackage } }], ratchetTreeExtension: true },
  );
}

export function joinSession(
  device: OwnDevice,
  peer: DeviceId,
  welcomeBytes: Uint8Array,
  key: Pick<NewKeyPackage, "publicPackage" | "privatePackage">,
): Promise<SessionState> {
  return guarded("SESSION_INVALID", "this Welcome opens no session", async () => {
    const welcome = decodeWelcome(welcomeBytes);
    const own = readKeyPackage(key.publicPackage, device.id, device.now());
    const secrets = readPrivatePackage(key.privatePackage, device);
    const config = clientConfig(device.id, peer);
    const group = await joinGroup(welcome, own, secrets, emptyPskIndex, device.suite, undefined, undefined, config);
    assertJustOpened(group, device, peer);
    return newSession(peer, group);
  });
}

/** A peer opens a session with one commit and hands it over at once. */
function assertJustOpened(group: ClientState, device: OwnDevice, peer: DeviceId): void {
  assertTwoDevices(group, device.id, peer);
  const opener = group.ratchetTree[0];
  const isFresh = opener?.nodeType === "leaf" && isWithinLifetime(opener.leaf, device.now());
  if (group.privatePath.leafIndex !== 1 || group.groupContext.epoch !== 1n || !isFresh) {
    throw new ChatError("SESSION_INVALID", "not a session that was just opened");
  }
}

function newSession(peer: DeviceId, group: ClientState): SessionState {
  return { peer, group, pending: undefined, lastApplied: undefined };
}
