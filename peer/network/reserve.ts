import type { Connection, Stream, StreamCloseEvent, StreamMessageEvent } from "@libp2p/interface";
import { concat } from "../../shared/bytes.ts";
import { ChatError } from "../../shared/errors.ts";
import { HOP_PROTOCOL } from "./circuit-protocols.ts";

/** A length of 2, then `HopMessage { type: RESERVE }`. */
const REQUEST = Uint8Array.of(2, 0x08, 0);
/** A dozen addresses and a voucher. */
const MAX_ANSWER_BYTES = 8192;
const STATUS_OK = 100;
/** Fields of `HopMessage` and of the `Reservation` in it. */
const FIELDS = { reservation: 3, status: 5, expire: 1 } as const;

/**
 * Asks a relay to pass on connections to this device, or to go on doing so (circuit relay v2, RESERVE).
 *
 * @returns until when, seconds since the Unix epoch by the relay's clock
 * @throws ChatError PEER_UNREACHABLE with reason `reservation` where the relay refuses (details `status`) or answers
 *   nonsense; and what libp2p throws where it cannot be asked
 */
export async function reserve(connection: Connection, signal: AbortSignal): Promise<number> {
  const stream = await connection.newStream([HOP_PROTOCOL], { signal });
  try {
    return readExpiry(await ask(stream, signal));
  } finally {
    stream.close().catch((error: Error) => stream.abort(error));
  }
}

/** The answer is whole once as many bytes are there as its length says. */
async function ask(stream: Stream, signal: AbortSignal): Promise<Uint8Array> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  // a stream may close while it is written to, and then nobody comes to wait
  promise.catch(() => undefined);
  let received = new Uint8Array();
  const onMessage = ({ data }: StreamMessageEvent) => {
    received = concat(received, data.subarray());
    try {
      const body = bodyOf(received);
      if (body !== undefined) resolve(body);
    } catch (error) {
      reject(error);
    }
  };
  const onClose = ({ error }: StreamCloseEvent) => reject(error ?? nonsense());
  const onAbort = () => reject(signal.reason);
  stream.addEventListener("message", onMessage);
  stream.addEventListener("close", onClose);
  signal.addEventListener("abort", onAbort);
  try {
    stream.send(REQUEST);
    return await promise;
  } finally {
    stream.removeEventListener("message", onMessage);
    stream.removeEventListener("close", onClose);
    signal.removeEventListener("abort", onAbort);
  }
}

function bodyOf(received: Uint8Array): Uint8Array | undefined {
  if (received.length > MAX_ANSWER_BYTES) throw nonsense();
  // its length is at most two bytes long
  if (received.length < 2 && (received[0] ?? 0x80) >= 0x80) return undefined;
  const length = readVarint(received, 0);
  if (length.value > MAX_ANSWER_BYTES) throw nonsense();
  const end = length.next + length.value;
  return received.length < end ? undefined : received.subarray(length.next, end);
}

/** @throws ChatError PEER_UNREACHABLE */
export function readExpiry(answer: Uint8Array): number {
  const fields = readFields(answer);
  const status = fields.get(FIELDS.status);
  if (status !== STATUS_OK) {
    throw new ChatError("PEER_UNREACHABLE", "the relay gives no place", {
      reason: "reservation",
      ...(typeof status === "number" && { details: { status } }),
    });
  }
  const reservation = fields.get(FIELDS.reservation);
  if (!(reservation instanceof Uint8Array)) throw nonsense();
  const expire = readFields(reservation).get(FIELDS.expire);
  if (typeof expire !== "number") throw nonsense();
  return expire;
}

/** The numbers and byte strings of a protobuf message by field; of a repeated field the last. */
function readFields(bytes: Uint8Array): Map<number, number | Uint8Array> {
  const fields = new Map<number, number | Uint8Array>();
  for (let at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes, at);
    const first = readVarint(bytes, tag.next);
    const [field, wireType] = [Math.floor(tag.value / 8), tag.value % 8];
    at = first.next;
    if (wireType === 0) {
      fields.set(field, first.value);
    } else if (wireType === 2 && at + first.value <= bytes.length) {
      fields.set(field, bytes.subarray(at, at + first.value));
      at += first.value;
    } else {
      throw nonsense();
    }
  }
  return fields;
}

function readVarint(bytes: Uint8Array, start: number): { value: number; next: number } {
  let value = 0;
  for (let at = start; at < start + 8; at += 1) {
    const byte = bytes[at];
    if (byte === undefined) break;
    value += (byte % 0x80) * 2 ** (7 * (at - start));
    if (byte < 0x80 && value <= Number.MAX_SAFE_INTEGER) return { value, next: at + 1 };
  }
  throw nonsense();
}

function nonsense(): ChatError {
  return new ChatError("PEER_UNREACHABLE", "the relay answers nonsense", { reason: "reservation" });
}
