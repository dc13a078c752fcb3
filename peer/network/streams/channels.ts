import type { Connection, Stream } from "@libp2p/interface";
import type { DeviceId } from "../../../shared/device-id.ts";
import { ChatError } from "../../../shared/errors.ts";
import { STREAM_PROTOCOLS } from "../../../shared/protocol.ts";
import type { TransportEvents } from "../../messaging/ports/transport.ts";
import type { Runtime } from "../../messaging/runtime.ts";
import { findDevice } from "../find-device.ts";
import type { NetworkLimits } from "../limits.ts";
import { StreamChannel } from "./channel.ts";

type Deps = {
  readonly limits: NetworkLimits;
  readonly runtime: Pick<Runtime, "after" | "monotonic">;
  readonly events: Pick<TransportEvents, "onChannel" | "onGossip" | "onTyping">;
  readonly onRefused: (reason: string) => void;
};

/** The open channels of a node. */
export class Channels {
  readonly #deps: Deps;
  readonly #open = new Set<StreamChannel>();
  readonly #outgoing = new Map<DeviceId, StreamChannel>();
  #closing = false;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  get count(): number {
    return this.#open.size;
  }

  /** A channel of this side's; the one before to that device ends, since whoever opens another has given it up. */
  openTo(device: DeviceId, stream: Stream, connection: Connection): StreamChannel {
    const channel = this.track(device, stream, connection);
    this.#outgoing.get(device)?.abort(new ChatError("PEER_UNREACHABLE", "another channel took its place"));
    this.#outgoing.set(device, channel);
    return channel;
  }

  /** There is a better way by now: whoever sends on a relayed channel of this side's opens another. */
  endRelayed(device: DeviceId): void {
    const channel = this.#outgoing.get(device);
    if (channel?.path === "relay") void channel.close();
  }

  track(device: DeviceId, stream: Stream, connection: Connection): StreamChannel {
    const { limits, runtime } = this.#deps;
    const channel = new StreamChannel({ stream, connection, remote: device, limits, runtime });
    this.#open.add(channel);
    void channel.closed.then(() => {
      this.#open.delete(channel);
      if (this.#outgoing.get(device) === channel) this.#outgoing.delete(device);
    });
    if (this.#closing) void channel.close();
    return channel;
  }

  /** A stream that the other side opened. */
  accept(stream: Stream, connection: Connection): void {
    const { events, limits, onRefused } = this.#deps;
    const device = findDevice(connection.remotePeer.toString());
    const { protocol } = stream;
    const open = [...this.#open].filter(
      (channel) => channel.inbound && channel.remote === device && channel.protocol === protocol,
    );
    if (device === undefined || this.#closing) {
      stream.abort(new Error("not accepted"));
    } else if (open.length >= limits.inboundStreamsPerDevice) {
      onRefused("streams-per-device");
      stream.abort(new Error("too many streams"));
    } else {
      const channel = this.track(device, stream, connection);
      if (protocol === STREAM_PROTOCOLS.checkpoint) events.onGossip(channel);
      else if (protocol === STREAM_PROTOCOLS.typing) events.onTyping?.(channel);
      else events.onChannel(channel);
    }
  }

  /** Lets every channel finish what it has queued, and takes no more. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all([...this.#open].map((channel) => channel.close()));
  }
}
