import { type YamuxMuxerInit, yamux } from "@chainsafe/libp2p-yamux";
import { StreamState } from "@chainsafe/libp2p-yamux/stream";
import type { Connection, MessageStream, StreamMuxerFactory } from "@libp2p/interface";
import { bytesOfPartialFrame, type MuxedStream, type Muxer, muxerKey } from "./libp2p-internals.ts";
import { boundAnswers, negotiated } from "./negotiation.ts";

type MuxerInit = YamuxMuxerInit & { readonly streamOptions: { readonly maxStreamWindowSize: number } };

const HEADER_BYTES = 12;

/** Between the questions by which Yamux measures the round trip, for the size of its windows; the first is asked at once. */
const MEASURE_INTERVAL_MS = 10 * 60_000;
/** By what a connection shares with its muxer. */
const muxers = new WeakMap<object, Muxer>();
const unpacked = new WeakMap<object, number>();
/** Of the 256 KiB that a stream may send without an answer from the first. */
const UPDATE_BYTES = 64 * 1024;
/**
 * Of answers that Yamux gives by itself (to pings, to streams that come and go), while the other side takes nothing: 2,700
 * of 12 bytes, each some 160 in memory. Whoever keeps to the windows owes at most one for each 64 KiB of them.
 */
const MAX_UNSENT_BYTES = 32 * 1024;

/**
 * Yamux, but
 * - a stream's window is opened again when a good part of it is used, not after every frame: that would answer each
 *   message with a frame of its own, and with two more on the way through a relay;
 * - while a connection is full its streams send nothing, whatever the other side says of their windows, and so what waits is
 *   Yamux's own: a connection that has too much of that is ended;
 * - so is one that begins a frame which no window could hold;
 * - but a stream whose protocol is not agreed on yet sends at once, a line or two: it waits behind what was sent before,
 *   not behind all that other streams still have to send;
 * - one on which the other side names protocols without an end is reset.
 */
export function muxer(init: MuxerInit): () => StreamMuxerFactory {
  const create = yamux({ ...init, keepAliveInterval: MEASURE_INTERVAL_MS });
  return () => {
    const factory = create();
    const createStreamMuxer = factory.createStreamMuxer.bind(factory);
    factory.createStreamMuxer = (connection) => {
      negotiated(connection);
      const all = createStreamMuxer(connection);
      muxers.set(muxerKey(all), all);
      connection.maxWriteBufferLength = MAX_UNSENT_BYTES;
      countData(all);
      boundFrames(all, HEADER_BYTES + init.streamOptions.maxStreamWindowSize);
      return onEachStream(all, (stream) => {
        updateSeldom(stream);
        if (stream.direction === "inbound") boundAnswers(stream, () => stream.protocol !== "");
        sendWhereTaken(stream, connection);
      });
    };
    return factory;
  };
}

/**
 * Resolves once the other side has answered a frame of Yamux, which is far less work than a stream. Does not end by a signal:
 * Yamux takes an answer that nobody waits for as an offence.
 *
 * @throws whatever Yamux throws where the connection is closed
 */
export async function ping(connection: Pick<Connection, "streams">): Promise<void> {
  const known = muxers.get(muxerKey(connection));
  if (known === undefined) throw new Error("a connection without this muxer");
  await known.ping();
}

/** How many bytes have come in for its streams so far, through a relay too. */
export function bytesUnpacked(connection: Pick<Connection, "streams">): number | undefined {
  return unpacked.get(muxerKey(connection));
}

function countData(all: Muxer): void {
  const onData = all.onData.bind(all);
  const key = muxerKey(all);
  unpacked.set(key, 0);
  all.onData = (data) => {
    unpacked.set(key, (unpacked.get(key) ?? 0) + data.byteLength);
    onData(data);
  };
}

/** Yamux keeps a frame until all of it is there, however long it says that it is, and looks at the window after that. */
function boundFrames(all: Muxer, maxBytes: number): void {
  const onData = all.onData.bind(all);
  all.onData = (data) => {
    onData(data);
    if (bytesOfPartialFrame(all) > maxBytes) throw new Error("a frame longer than any window");
  };
}

function onEachStream(all: Muxer, change: (stream: MuxedStream) => void): Muxer {
  const onRemoteStream = all.onRemoteStream.bind(all);
  const onCreateStream = all.onCreateStream.bind(all);
  all.onRemoteStream = (stream) => {
    change(stream);
    onRemoteStream(stream);
  };
  all.onCreateStream = () => {
    const stream = onCreateStream();
    change(stream);
    return stream;
  };
  return all;
}

function updateSeldom(stream: MuxedStream): void {
  let unanswered = 0;
  const handleData = stream.handleData.bind(stream);
  const sendWindowUpdate = stream.sendWindowUpdate.bind(stream);
  stream.handleData = (frame) => {
    unanswered += frame.header.length;
    handleData(frame);
  };
  stream.sendWindowUpdate = () => {
    // the first tells of the stream itself
    const isFirst = stream.state === StreamState.Init || stream.state === StreamState.SYNReceived;
    if (!isFirst && unanswered < UPDATE_BYTES) return;
    // it sends none while the stream is paused
    if (stream.state !== StreamState.Paused) unanswered = 0;
    sendWindowUpdate();
  };
}

function sendWhereTaken(stream: MuxedStream, connection: MessageStream): void {
  const sendData = stream.sendData.bind(stream);
  const safeDispatchEvent = stream.safeDispatchEvent.bind(stream);
  const onMuxerNeedsDrain = stream.onMuxerNeedsDrain.bind(stream);
  const isAgreeing = () => stream.protocol === "";
  stream.sendData = (data) => {
    if (isAgreeing()) return { ...sendData(data), canSendMore: true };
    return connection.writableNeedsDrain ? { sentBytes: 0, canSendMore: false } : sendData(data);
  };
  stream.onMuxerNeedsDrain = () => {
    if (!isAgreeing()) onMuxerNeedsDrain();
  };
  // a wider window says so too; each stream hears of it once the connection has room
  stream.safeDispatchEvent = (type, detail) =>
    !(type === "drain" && connection.writableNeedsDrain) && safeDispatchEvent(type, detail);
}
