import { Socket } from "node:net";
import type { yamux } from "@chainsafe/libp2p-yamux";
import type { Connection, MultiaddrConnection, Stream, Transport } from "@libp2p/interface";

/*
 * All that the program uses of libp2p besides its published interfaces, since these offer no way to the same: checked with
 * libp2p 3.3.11, @libp2p/tcp 11.0.28, @libp2p/yamux 8.0.3 and @libp2p/circuit-relay-v2 4.2.13. Where a later one has changed,
 * `test/peer/network/transport/libp2p-internals.test.ts` fails, and what is built on it would do less, or nothing.
 */

/**
 * Of a connection over TCP: libp2p's own `sendData` writes twice for each frame, and neither its options nor its metrics lead
 * to the socket, which can gather writes and counts what comes in (`tcp.ts`).
 */
export type SocketConnection = MultiaddrConnection & {
  readonly socket: Socket;
  sendData(data: Iterable<Uint8Array> & { readonly byteLength: number }): {
    readonly sentBytes: number;
    readonly canSendMore: boolean;
  };
};

export function hasSocket(connection: MultiaddrConnection): connection is SocketConnection {
  return "socket" in connection && connection.socket instanceof Socket && "sendData" in connection;
}

/** One object in a connection and in what carries it, from before it is one: an upgrader tells of an inbound one nothing. */
export function carrierKey({ timeline }: Pick<Connection, "timeline">): object {
  return timeline;
}

/**
 * Of Yamux (`muxer.ts`), which has no option for how often it opens a window, takes frames of any length, and sends on a full
 * connection when a window is opened: `onData`, `onCreateStream` and `onRemoteStream`. The event `stream` is no way to the
 * last, since whoever listens first takes the streams that libp2p should have.
 */
export type Muxer = ReturnType<ReturnType<ReturnType<typeof yamux>>["createStreamMuxer"]>;

/** `handleData`, `sendWindowUpdate`, `sendData`, `safeDispatchEvent`, `onMuxerNeedsDrain` and `state`. */
export type MuxedStream = Muxer["streams"][number];

/** One object in a connection and in its muxer: a connection does not tell which that is, and only it can ping. */
export function muxerKey({ streams }: { readonly streams: readonly Stream[] }): object {
  return streams;
}

/** What has come of a frame that is not all there. */
export function bytesOfPartialFrame(muxer: Muxer): number {
  const decoder: { readonly buffer: { readonly byteLength: number } } = Reflect.get(muxer, "decoder");
  return decoder.buffer.byteLength;
}

/**
 * Of the transport for circuit relays (`circuit.ts`), which takes connections from whatever relay, and makes a reservation of
 * its own where there is none: `onStop` is the handler that it would give to libp2p by itself.
 */
export type CircuitTransport = Transport & {
  onStop(stream: Stream, connection: Connection): Promise<void>;
  readonly reservationStore: { hasReservation(): boolean };
};

export function isCircuitTransport(transport: Transport): transport is CircuitTransport {
  return "onStop" in transport && "reservationStore" in transport;
}
