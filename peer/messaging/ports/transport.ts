import type { DeviceId } from "../../../shared/device-id.ts";
import type { Path } from "../path.ts";

/*
 * What the message rules need from the outside. `sessions/`, `network/`, `naming/`, `contacts/` and `history/`
 * implement these; `peer/compose.ts` wires them. Nothing here knows libp2p, MLS, SQLite or HTTP.
 */

/** An ordered, framed, authenticated lane to one device; the opener sends envelopes, the other side answers. */
export interface Channel {
  readonly remote: DeviceId;
  /** How its connection runs. */
  readonly path: Path;
  /**
   * Sends frames in one write; resolves once flow control allows more.
   * @throws ChatError PEER_UNREACHABLE once the lane is closed
   */
  send(frames: readonly Uint8Array[], signal?: AbortSignal): Promise<void>;
  /**
   * Frames as they arrive, all that arrived together at once; unread bytes are bounded by back-pressure. Ends when the
   * other side closes; throws ChatError FRAME_TOO_LARGE, FRAME_INVALID, TIMED_OUT or PEER_UNREACHABLE.
   */
  receive(): AsyncIterable<readonly Uint8Array[]>;
  /** Flushes and closes; idempotent. */
  close(): Promise<void>;
  /** Closes at once. */
  abort(error: Error): void;
}

/** A way to reach devices. */
export interface Transport {
  /**
   * Opens a channel, over the connection that is there or by dialling.
   *
   * @param addresses multiaddrs, each ending in `/p2p/<device>`
   * @throws ChatError PEER_UNREACHABLE, TIMED_OUT
   */
  connect(device: DeviceId, addresses: readonly string[], signal: AbortSignal): Promise<Channel>;
  /** A channel on which checkpoints are compared, over the connection that is there; undefined without one. */
  openGossip(device: DeviceId, signal: AbortSignal): Promise<Channel | undefined>;
  /**
   * A channel on which one word is said of somebody who writes, in the same way.
   *
   * @throws ChatError PEER_UNREACHABLE (reason `protocol` where the other side does not know of it), TIMED_OUT
   */
  openTyping(device: DeviceId, signal: AbortSignal): Promise<Channel | undefined>;
  /** Multiaddrs under which this device can be dialled now, each ending in `/p2p/<own id>`. */
  addresses(): readonly string[];
}

/** What a transport tells its owner; handlers never throw. */
export interface TransportEvents {
  /** Another device opened a channel to this one. */
  onChannel(channel: Channel): void;
  /** Another device opened a channel to compare checkpoints. */
  onGossip(channel: Channel): void;
  /** Another device opened a channel to say that somebody writes. */
  onTyping?(channel: Channel): void;
  /** A connection to that device came up, whoever dialled. */
  onConnected(device: DeviceId): void;
  /** What `addresses()` answers has changed: a relay was found or lost, an interface came or went. */
  onAddressesChanged?(): void;
  /** This computer or process had stopped for a while: whatever was open may be dead. */
  onWoke?(): void;
  /** A contact's device turned up on the local network. */
  onNearby?(device: DeviceId): void;
}
