import type { Connection, PeerId, Stream } from "@libp2p/interface";
import type { Caller, NatRelayOptions } from "./nat-relay.ts";
import { networkOf } from "./network-of.ts";
import { watchRelayedPair } from "./relayed-pair.ts";

type Options = Pick<NatRelayOptions, "rules" | "maxHeldBytes" | "relayedMs" | "runtime">;

/** One request of a user to a relay, and what comes of it: the places that it takes are left when all of that is over. */
export class Hop {
  readonly #stream: Stream;
  readonly #connection: Connection;
  readonly #options: Options;
  #leave = () => {};
  /** The stream to whom the user asks for, and when both are gone. */
  #stop: { readonly stream: Stream; readonly ended: Promise<void> } | undefined;

  constructor(stream: Stream, connection: Connection, options: Options) {
    this.#stream = stream;
    this.#connection = connection;
    this.#options = options;
  }

  /** Takes a place for a reservation, or keeps the user's. */
  reserve(): boolean {
    const { user, network } = this.#from;
    return this.#options.rules.reserve(user, network);
  }

  /** Takes places for a relayed connection at once: others may ask before it is there. */
  mayConnect(to: PeerId): boolean {
    const leave = this.#options.rules.relaying(this.#from, to.toString());
    if (leave === undefined) return false;
    this.#leave = leave;
    return true;
  }

  /** A stream to the other side; libp2p may join the two. */
  opened(stream: Stream): void {
    this.#stop = { stream, ended: this.#watch(stream) };
  }

  /** libp2p is done with the request. */
  answered(): void {
    const { stream, ended } = this.#stop ?? {};
    // it finishes those that it does not join
    if (stream?.writeStatus === "writable" && this.#stream.status === "open") {
      void ended?.then(this.#leave);
      return;
    }
    stream?.abort(new Error("not joined"));
    this.#leave();
  }

  get #from(): Caller {
    const { remotePeer, remoteAddr } = this.#connection;
    return { user: remotePeer.toString(), network: networkOf(remoteAddr) };
  }

  async #watch(stop: Stream): Promise<void> {
    const { rules, maxHeldBytes, relayedMs, runtime } = this.#options;
    const from = this.#from;
    // the first listener gets what has arrived: that is to be libp2p's, which reads the answer to its request
    await new Promise((resolve) => setImmediate(resolve));
    await watchRelayedPair(this.#stream, stop, {
      maxBytes: maxHeldBytes,
      maxMs: relayedMs,
      transferred: (bytes) => rules.transferred(from, bytes),
      runtime,
    });
  }
}
