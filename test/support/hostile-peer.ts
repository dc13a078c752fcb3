import { connect as connectTcp, type Socket } from "node:net";
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { generateKeyPair, generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import type { Connection, PrivateKey, Stream } from "@libp2p/interface";
import { type TCPSocketOptions, tcp } from "@libp2p/tcp";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p, type Libp2p } from "libp2p";
import { type DeviceId, parseDeviceId } from "../../shared/device-id.ts";
import { STREAM_PROTOCOLS } from "../../shared/protocol.ts";

/*
 * A peer that speaks the real transport and keeps none of its rules: it opens what it wants, sends what it wants, and
 * reads, or does not read, the answers.
 */

export type HostileOptions = {
  /** Of any kind; by default a fresh Ed25519 key. */
  readonly key?: PrivateKey;
  /** Another protocol list than the product's, offered to those who dial this peer. */
  readonly protocols?: readonly string[];
  /** Listens on loopback too. */
  readonly listen?: boolean;
  /** Names of multiplexers that it offers before Yamux, one after the other. */
  readonly muxers?: readonly string[];
  /** Dials from this address, such as 127.0.0.7. */
  readonly from?: string;
};

export class HostilePeer {
  readonly node: Libp2p;
  readonly #incoming: RawStream[] = [];
  #arrived = () => {};

  constructor(node: Libp2p) {
    this.node = node;
  }

  get peerId(): string {
    return this.node.peerId.toString();
  }

  get device(): DeviceId {
    return parseDeviceId(this.peerId);
  }

  get addresses(): string[] {
    return this.node.getMultiaddrs().map(String);
  }

  /** A connection of its own each time, even where there is one. */
  dial(address: string): Promise<Connection> {
    return this.node.dial(multiaddr(address), { force: true, signal: AbortSignal.timeout(10_000) });
  }

  /** Opens a stream by a new connection, or on `connection`. */
  async open(
    target: string | Connection,
    { protocol = STREAM_PROTOCOLS.message as string }: { protocol?: string } = {},
  ): Promise<RawStream> {
    const connection = typeof target === "string" ? await this.dial(target) : target;
    const stream = await connection.newStream([protocol], {
      signal: AbortSignal.timeout(10_000),
      maxOutboundStreams: 10_000,
    });
    return new RawStream(stream);
  }

  /** A stream on which no protocol has been named yet. */
  async openUndecided(connection: Connection): Promise<Stream> {
    const muxer: { createStream(): Promise<Stream> } = Reflect.get(connection, "muxer");
    return await muxer.createStream();
  }

  /** The next stream that somebody opened to this peer. */
  async accept(): Promise<RawStream> {
    for (;;) {
      const stream = this.#incoming.shift();
      if (stream !== undefined) return stream;
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
  }

  take(stream: RawStream): void {
    this.#incoming.push(stream);
    this.#arrived();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.node.getConnections()) connection.abort(new Error("done"));
    await this.node.stop();
  }
}

export async function startHostilePeer(options: HostileOptions = {}): Promise<HostilePeer> {
  const { protocols = [STREAM_PROTOCOLS.message], listen = false, from, muxers = [] } = options;
  // handed to net.connect as it is; the type lists less than that takes
  const dialOpts: TCPSocketOptions & { localAddress?: string } = from === undefined ? {} : { localAddress: from };
  const node = await createLibp2p({
    privateKey: options.key ?? (await generateKeyPair("Ed25519")),
    addresses: { listen: listen ? ["/ip4/127.0.0.1/tcp/0"] : [] },
    transports: [tcp({ dialOpts })],
    connectionEncrypters: [muxers.length > 0 ? silentNoise() : noise()],
    streamMuxers: [
      ...muxers.map((protocol) => () => ({ ...yamux()(), protocol })),
      yamux({ maxOutboundStreams: 100_000 }),
    ],
    connectionManager: { inboundConnectionThreshold: 10_000, maxIncomingPendingConnections: 10_000 },
    connectionMonitor: { enabled: false },
  });
  const peer = new HostilePeer(node);
  await node.handle([...protocols], (stream) => peer.take(new RawStream(stream)), { maxInboundStreams: 10_000 });
  return peer;
}

/** Noise that leaves it to later which multiplexer is used. */
function silentNoise(): ReturnType<typeof noise> {
  return (components) => {
    const encrypter = noise()(components);
    const secureOutbound = encrypter.secureOutbound.bind(encrypter);
    encrypter.secureOutbound = (stream, options) =>
      secureOutbound(stream, { ...options, skipStreamMuxerNegotiation: true });
    return encrypter;
  };
}

/** One stream, byte by byte; frames are our framing, everything else is raw. */
export class RawStream {
  readonly stream: Stream;
  /** Resolves when the stream is gone: the error of a reset, undefined for a proper end. */
  readonly closed: Promise<Error | undefined>;
  #received = Buffer.alloc(0);
  #finished = false;
  #changed = () => {};

  constructor(stream: Stream) {
    this.stream = stream;
    const { promise, resolve } = Promise.withResolvers<Error | undefined>();
    this.closed = promise;
    stream.addEventListener("message", ({ data }) => {
      this.#received = Buffer.concat([this.#received, data.subarray()]);
      this.#changed();
    });
    const finish = (error?: Error) => {
      this.#finished = true;
      this.#changed();
      return error;
    };
    stream.addEventListener("end", () => finish());
    stream.addEventListener("close", ({ error }) => resolve(finish(error)));
    if (stream.status !== "open") resolve(finish());
  }

  /** Whatever it is, whatever the other side allows. */
  write(bytes: Uint8Array): void {
    this.stream.send(bytes);
  }

  /** A frame whose length prefix may lie. */
  writeFrame(frame: Uint8Array, { length = frame.length }: { length?: number } = {}): void {
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32BE(length);
    this.write(Buffer.concat([prefix, frame]));
  }

  /** The next frame, or undefined when the stream ends first. */
  async readFrame(): Promise<Uint8Array | undefined> {
    const prefix = await this.#read(4);
    const frame = prefix === undefined ? undefined : await this.#read(prefix.readUInt32BE());
    return frame === undefined ? undefined : new Uint8Array(frame);
  }

  /** Resolves when the other side has finished writing or has reset the stream. */
  async ended(): Promise<void> {
    while (!this.#finished) await this.#change();
  }

  /** Sends FIN, reads on. */
  async finish(): Promise<void> {
    await this.stream.close({ signal: AbortSignal.timeout(5000) });
  }

  reset(): void {
    this.stream.abort(new Error("reset by the hostile peer"));
  }

  async #read(bytes: number): Promise<Buffer | undefined> {
    while (this.#received.length < bytes) {
      if (this.#finished) return undefined;
      await this.#change();
    }
    const taken = this.#received.subarray(0, bytes);
    this.#received = this.#received.subarray(bytes);
    return taken;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = resolve;
    });
  }
}

/** A TCP connection below libp2p, for garbage; `closed` resolves once the other side has had enough. */
export async function openRawTcp(
  address: string,
  { from }: { from?: string } = {},
): Promise<{ socket: Socket; closed: Promise<void> }> {
  const { host, port } = tcpAddress(address);
  const socket = connectTcp({ host, port, ...(from === undefined ? {} : { localAddress: from }) });
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const connected = new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  socket.on("error", () => {});
  socket.resume();
  await Promise.race([connected, closed]);
  return { socket, closed };
}

/** The key of a device of which a test knows the seed. */
export function keyOfSeed(seed: Uint8Array): Promise<PrivateKey> {
  return generateKeyPairFromSeed("Ed25519", seed);
}

/** Host and port of an `/ip4|ip6/.../tcp/...` multiaddr. */
export function tcpAddress(address: string): { host: string; port: number } {
  const [host, port] = multiaddr(address).getComponents();
  if (host?.value === undefined || port?.value === undefined) throw new Error(`no TCP address: ${address}`);
  return { host: host.value, port: Number(port.value) };
}
