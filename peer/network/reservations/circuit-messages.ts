import { concat } from "../../../shared/bytes.ts";
import { ChatError } from "../../../shared/errors.ts";

/*
 * Messages of circuit relay v2: protobuf, each behind its length. Only what a device says and asks itself; what others
 * say to it through a relay is libp2p's.
 */

/** A dozen addresses and a voucher. */
const MAX_BYTES = 8192;
const HOP = { type: 1, peer: 2, reservation: 3, status: 5, reserve: 0, connect: 1 } as const;
const STOP = { type: 1, peer: 2, status: 4, isStatus: 1 } as const;
/** Of a `Peer`, and of a `Reservation`. */
const PEER_ID = 1;
const EXPIRE = 1;

export const STATUS = { ok: 100, connectionFailed: 203, noReservation: 204 } as const;

export const RESERVE = delimited(number(HOP.type, HOP.reserve));
export const ACCEPTED = delimited(concat(number(STOP.type, STOP.isStatus), number(STOP.status, STATUS.ok)));

/** @param peerId  a multihash */
export function connectTo(peerId: Uint8Array): Uint8Array {
  return delimited(concat(number(HOP.type, HOP.connect), bytes(HOP.peer, bytes(PEER_ID, peerId))));
}

export type Found<T> = { readonly value: T; readonly end: number };

/** The first message, without its length; undefined while it is not all there. @throws ChatError PEER_UNREACHABLE */
export function readMessage(received: Uint8Array): Found<Uint8Array> | undefined {
  // a length is at most two bytes long
  if (received.length < 2 && (received[0] ?? 0x80) >= 0x80) return undefined;
  const length = readVarint(received, 0);
  if (length.value > MAX_BYTES) throw nonsense();
  const end = length.next + length.value;
  return received.length < end ? undefined : { value: received.subarray(length.next, end), end };
}

/** What a relay answers to a request. @throws ChatError PEER_UNREACHABLE */
export function hopStatus(message: Uint8Array): number | undefined {
  const status = readFields(message).get(HOP.status);
  return typeof status === "number" ? status : undefined;
}

/** Until when a place is given, seconds since the Unix epoch. @throws ChatError PEER_UNREACHABLE */
export function hopExpiry(message: Uint8Array): number {
  const reservation = readFields(message).get(HOP.reservation);
  if (!(reservation instanceof Uint8Array)) throw nonsense();
  const expire = readFields(reservation).get(EXPIRE);
  if (typeof expire !== "number") throw nonsense();
  return expire;
}

/** Who comes through the relay, by its word: a multihash. @throws ChatError PEER_UNREACHABLE */
export function stopPeer(message: Uint8Array): Uint8Array | undefined {
  const peer = readFields(message).get(STOP.peer);
  const id = peer instanceof Uint8Array ? readFields(peer).get(PEER_ID) : undefined;
  return id instanceof Uint8Array ? id : undefined;
}

export function nonsense(): ChatError {
  return new ChatError("PEER_UNREACHABLE", "the relay answers nonsense", { reason: "reservation" });
}

function number(field: number, value: number): Uint8Array {
  return Uint8Array.of(field * 8, value);
}

/** At most 127 of them. */
function bytes(field: number, value: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(field * 8 + 2), delimited(value));
}

function delimited(value: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(value.length), value);
}

/** The numbers and byte strings of a protobuf message by field; of a repeated field the last. */
function readFields(message: Uint8Array): Map<number, number | Uint8Array> {
  const fields = new Map<number, number | Uint8Array>();
  for (let at = 0; at < message.length; ) {
    const tag = readVarint(message, at);
    const first = readVarint(message, tag.next);
    const [field, wireType] = [Math.floor(tag.value / 8), tag.value % 8];
    at = first.next;
    if (wireType === 0) {
      fields.set(field, first.value);
    } else if (wireType === 2 && at + first.value <= message.length) {
      fields.set(field, message.subarray(at, at + first.value));
      at += first.value;
    } else {
      throw nonsense();
    }
  }
  return fields;
}

function readVarint(message: Uint8Array, start: number): { value: number; next: number } {
  let value = 0;
  for (let at = start; at < start + 8; at += 1) {
    const byte = message[at];
    if (byte === undefined) break;
    value += (byte % 0x80) * 2 ** (7 * (at - start));
    if (byte < 0x80 && value <= Number.MAX_SAFE_INTEGER) return { value, next: at + 1 };
  }
  throw nonsense();
}
