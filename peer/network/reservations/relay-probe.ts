import type { Connection, Stream } from "@libp2p/interface";
import { equalBytes } from "../../../shared/bytes.ts";
import { ChatError } from "../../../shared/errors.ts";
import type { Runtime } from "../../messaging/runtime.ts";
import { ACCEPTED, connectTo, type Found, hopStatus, readMessage, STATUS, stopPeer } from "./circuit-messages.ts";
import { HOP_PROTOCOL } from "./circuit-protocols.ts";
import { exactly, IncomingBytes } from "./incoming-bytes.ts";

type Options = {
  /** The device's peer id, a multihash. */
  readonly self: Uint8Array;
  readonly runtime: Pick<Runtime, "randomBytes">;
};

/** What one probe sends out, and waits for. */
type Probe = { readonly there: Uint8Array; readonly back: Uint8Array; readonly signal: AbortSignal };

const SECRET_BYTES = 32;

/**
 * Connects a device to itself through its relay, to see whether anything comes through: a relay may answer whoever asks
 * whether it is there, and pass nothing on. One secret goes each way, so that the relay cannot answer by itself.
 */
export class RelayProbes {
  readonly #options: Options;
  /** Those under way, by the relay's peer id. */
  readonly #probes = new Map<string, Probe>();

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Resolves too where the relay says that it will not pass on this connection, since it is full or allows none to oneself.
   *
   * @throws ChatError PEER_UNREACHABLE with reason `forwarding`; the signal's reason; what libp2p throws
   */
  async probe(connection: Connection, signal: AbortSignal): Promise<void> {
    const { runtime } = this.#options;
    const relay = connection.remotePeer.toString();
    const over = new AbortController();
    const probe = {
      there: runtime.randomBytes(SECRET_BYTES),
      back: runtime.randomBytes(SECRET_BYTES),
      signal: AbortSignal.any([signal, over.signal]),
    };
    this.#probes.set(relay, probe);
    try {
      await this.#ask(connection, probe);
    } finally {
      // Of a second address of that relay, there may be a later one.
      if (this.#probes.get(relay) === probe) this.#probes.delete(relay);
      over.abort(new Error("the probe is over"));
    }
  }

  /** Takes a stream that a relay opened where it belongs to a probe; false: it is as it was, and somebody else's. */
  async accept(stream: Stream, connection: Connection): Promise<boolean> {
    const probe = this.#probes.get(connection.remotePeer.toString());
    if (probe === undefined) return false;
    using incoming = new IncomingBytes(stream, probe.signal);
    const whole = await incoming.take(readWhole).catch(() => undefined);
    if (whole === undefined || !this.#isSelf(whole.message)) {
      if (stream.status === "open") incoming.putBack(whole?.bytes ?? new Uint8Array());
      return false;
    }
    try {
      await answer(stream, incoming, probe);
    } catch (cause) {
      stream.abort(new Error("not the probe", { cause }));
    }
    return true;
  }

  #isSelf(message: Uint8Array): boolean {
    const peer = stopPeer(message);
    return peer !== undefined && equalBytes(peer, this.#options.self);
  }

  async #ask(connection: Connection, { there, back, signal }: Probe): Promise<void> {
    const stream = await connection.newStream([HOP_PROTOCOL], { signal });
    try {
      using incoming = new IncomingBytes(stream, signal);
      stream.send(connectTo(this.#options.self));
      const status = hopStatus(await incoming.take(readMessage));
      if (status === STATUS.connectionFailed || status === STATUS.noReservation) throw notForwarded();
      if (status !== STATUS.ok) return;
      stream.send(there);
      if (!equalBytes(await incoming.take(exactly(SECRET_BYTES)), back)) throw notForwarded();
    } finally {
      stream.abort(new Error("the probe is over"));
    }
  }
}

async function answer(stream: Stream, incoming: IncomingBytes, { there, back, signal }: Probe): Promise<void> {
  stream.send(ACCEPTED);
  if (!equalBytes(await incoming.take(exactly(SECRET_BYTES)), there)) throw notForwarded();
  stream.send(back);
  signal.addEventListener("abort", () => stream.abort(new Error("the probe is over")));
}

/** A message, and its bytes with the length before it. */
function readWhole(received: Uint8Array): Found<{ message: Uint8Array; bytes: Uint8Array }> | undefined {
  const found = readMessage(received);
  return found && { value: { message: found.value, bytes: received.slice(0, found.end) }, end: found.end };
}

export function notForwarded(cause?: unknown): ChatError {
  return new ChatError("PEER_UNREACHABLE", "the relay passes nothing on", { reason: "forwarding", cause });
}
