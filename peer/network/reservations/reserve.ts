import type { Connection } from "@libp2p/interface";
import { ChatError } from "../../../shared/errors.ts";
import { hopExpiry, hopStatus, RESERVE, readMessage, STATUS } from "./circuit-messages.ts";
import { HOP_PROTOCOL } from "./circuit-protocols.ts";
import { IncomingBytes } from "./incoming-bytes.ts";

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
    using incoming = new IncomingBytes(stream, signal);
    stream.send(RESERVE);
    return readExpiry(await incoming.take(readMessage));
  } finally {
    stream.close().catch((error: Error) => stream.abort(error));
  }
}

/** @throws ChatError PEER_UNREACHABLE */
export function readExpiry(answer: Uint8Array): number {
  const status = hopStatus(answer);
  if (status === STATUS.ok) return hopExpiry(answer);
  throw new ChatError("PEER_UNREACHABLE", "the relay gives no place", {
    reason: "reservation",
    ...(status !== undefined && { details: { status } }),
  });
}
