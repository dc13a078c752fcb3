import { type YamuxMuxerInit, yamux } from "@chainsafe/libp2p-yamux";
import { StreamState } from "@chainsafe/libp2p-yamux/stream";
import type { StreamMuxerFactory } from "@libp2p/interface";

type Muxer = ReturnType<ReturnType<ReturnType<typeof yamux>>["createStreamMuxer"]>;
type MuxedStream = Muxer["streams"][number];

/** Of the 256 KiB that a stream may send without an answer from the first. */
const UPDATE_BYTES = 64 * 1024;

/**
 * Yamux, but a stream's window is opened again when a good part of it is used, not after every frame: that would answer each
 * message with a frame of its own, and with two more on the way through a relay.
 */
export function muxer(init: YamuxMuxerInit): () => StreamMuxerFactory {
  const create = yamux(init);
  return () => {
    const factory = create();
    const createStreamMuxer = factory.createStreamMuxer.bind(factory);
    factory.createStreamMuxer = (connection) => withSeldomUpdates(createStreamMuxer(connection));
    return factory;
  };
}

function withSeldomUpdates(all: Muxer): Muxer {
  const onRemoteStream = all.onRemoteStream.bind(all);
  const onCreateStream = all.onCreateStream.bind(all);
  all.onRemoteStream = (stream) => {
    updateSeldom(stream);
    onRemoteStream(stream);
  };
  all.onCreateStream = () => {
    const stream = onCreateStream();
    updateSeldom(stream);
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
