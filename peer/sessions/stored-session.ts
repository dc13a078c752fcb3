import { type ClientState, decodeGroupState, encodeGroupState } from "ts-mls";
import { compareBytes, concat, utf8, utf8Text } from "../../shared/bytes.ts";
import { type DeviceId, parseDeviceId } from "../../shared/device-id.ts";
import { ChatError } from "../../shared/errors.ts";
import { clientConfig } from "./client-config.ts";
import { guardedSync } from "./library-boundary.ts";
import type { OwnDevice } from "./own-device.ts";
import { assertTwoDevices, type SessionState } from "./session-state.ts";

/*
 * version (1 byte) || five fields, each a u32 length and so many bytes: peer, hash of the last applied commit, group,
 * pending commit, group after it. An absent field is empty. The device key is left out of the groups.
 */

const VERSION = 1;
const FIELDS = 5;
const NOTHING = new Uint8Array();

export function serialiseSession({ peer, group, pending, lastApplied }: SessionState): Uint8Array {
  const fields = [
    utf8(peer),
    lastApplied ?? NOTHING,
    encodeGroup(group),
    pending?.message ?? NOTHING,
    pending === undefined ? NOTHING : encodeGroup(pending.next),
  ];
  return concat(Uint8Array.of(VERSION), ...fields.flatMap((field) => [uint32(field.length), field]));
}

/** @throws ChatError STORE_CORRUPT */
export function restoreSession(device: OwnDevice, bytes: Uint8Array): SessionState {
  return guardedSync("STORE_CORRUPT", "a stored session that cannot be read", () => {
    const state = decode(device, new Uint8Array(bytes));
    if (compareBytes(serialiseSession(state), bytes) !== 0) throw corrupt("not as it was written");
    return state;
  });
}

function decode(device: OwnDevice, bytes: Uint8Array<ArrayBuffer>): SessionState {
  const [peerBytes, lastApplied, group, commit, next] = readFields(bytes);
  const peer = parseDeviceId(utf8Text(peerBytes));
  return {
    peer,
    group: decodeGroup(device, peer, group),
    pending: commit.length === 0 ? undefined : { message: commit, next: decodeGroup(device, peer, next) },
    lastApplied: lastApplied.length === 0 ? undefined : lastApplied,
  };
}

type Fields = [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array];

function readFields(bytes: Uint8Array<ArrayBuffer>): Fields {
  if (bytes[0] !== VERSION) throw corrupt("of an unknown version");
  const view = new DataView(bytes.buffer);
  let offset = 1;
  return Array.from({ length: FIELDS }, () => {
    const start = offset + 4;
    offset = start + view.getUint32(offset);
    return bytes.subarray(start, offset);
  }) as Fields;
}

function encodeGroup(group: ClientState): Uint8Array {
  return encodeGroupState({ ...group, signaturePrivateKey: NOTHING });
}

function decodeGroup(device: OwnDevice, peer: DeviceId, bytes: Uint8Array): ClientState {
  const decoded = decodeGroupState(bytes, 0)?.[0];
  if (decoded === undefined) throw corrupt("not a group");
  const group = { ...decoded, signaturePrivateKey: device.seed, clientConfig: clientConfig(device.id, peer) };
  assertTwoDevices(group, device.id, peer);
  return group;
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function corrupt(why: string): ChatError {
  return new ChatError("STORE_CORRUPT", `a stored session that is ${why}`);
}
