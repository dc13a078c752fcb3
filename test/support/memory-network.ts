import type { Path } from "../../peer/messaging/path.ts";
import type { Channel, Transport, TransportEvents } from "../../peer/messaging/ports/transport.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import { ChatError } from "../../shared/errors.ts";
import { decodeFrame, type Frame } from "../../shared/frames.ts";

/** A frame under way; `frame` is undefined where the bytes are none. */
export type Passing = {
  readonly from: DeviceId;
  readonly to: DeviceId;
  readonly bytes: Uint8Array;
  readonly frame: Frame | undefined;
};

/**
 * `drop`: nobody learns of it; a relay may do that, a lane never does. `mute`: nothing arrives on that lane in that
 * direction any more. `cut`: the lane ends for both sides, this frame lost.
 */
export type Verdict = "pass" | "drop" | "mute" | "cut";

type Node = { readonly events: TransportEvents; readonly lanes: Set<MemoryLane> };

/** Lanes between devices of one process, with faults. Frames sent together arrive together. */
export class MemoryNetwork {
  /** Rises with everything that happens. */
  activity = 0;
  /** Decides about every frame. */
  judge: (passing: Passing) => Verdict = () => "pass";
  /** Frames that arrived, in order. */
  readonly arrived: Passing[] = [];
  readonly #nodes = new Map<DeviceId, Node>();
  readonly #apart = new Set<string>();
  readonly #connected = new Set<string>();
  connects = 0;

  attach(device: DeviceId, events: TransportEvents): Transport {
    this.#nodes.set(device, { events, lanes: new Set() });
    return {
      addresses: () => [addressOf(device)],
      connect: async (to) => this.#connect(device, to),
      openGossip: async () => undefined,
      openTyping: async (to) => this.openTyping(device, to),
    };
  }

  /** The process is gone. */
  detach(device: DeviceId): void {
    for (const lane of this.#nodes.get(device)?.lanes ?? []) lane.abort(gone());
    this.#nodes.delete(device);
    for (const pair of this.#connected) if (pair.includes(device)) this.#connected.delete(pair);
  }

  /** Ends every lane between the two; new ones can be opened. */
  cut(a: DeviceId, b: DeviceId): void {
    this.activity += 1;
    this.#connected.delete(pairOf(a, b));
    for (const lane of this.#nodes.get(a)?.lanes ?? []) if (lane.remote === b) lane.abort(gone());
  }

  /** From now on their lanes are mute, and neither reaches the other anew; lanes that were used stay mute. */
  part(a: DeviceId, b: DeviceId): void {
    this.#apart.add(pairOf(a, b));
  }

  join(a: DeviceId, b: DeviceId): void {
    this.#apart.delete(pairOf(a, b));
  }

  /** What becomes of a frame; for lanes. */
  carry(from: DeviceId, to: DeviceId, bytes: Uint8Array): Verdict {
    this.activity += 1;
    if (this.#apart.has(pairOf(from, to))) return "mute";
    const passing = { from, to, bytes, frame: readFrame(bytes) };
    const verdict = this.judge(passing);
    if (verdict === "pass") this.arrived.push(passing);
    return verdict;
  }

  forget(lane: MemoryLane): void {
    this.activity += 1;
    for (const { lanes } of this.#nodes.values()) lanes.delete(lane);
  }

  async #connect(from: DeviceId, to: DeviceId): Promise<Channel> {
    this.activity += 1;
    this.connects += 1;
    const [own, theirs] = [this.#nodes.get(from), this.#nodes.get(to)];
    const pair = pairOf(from, to);
    if (own === undefined || theirs === undefined || this.#apart.has(pair)) throw gone();
    if (!this.#connected.has(pair)) {
      this.#connected.add(pair);
      own.events.onConnected(to);
      theirs.events.onConnected(from);
    }
    const { near, far } = this.#pair(own, theirs, from, to);
    theirs.events.onChannel(far);
    return near;
  }

  /** Over the connection that is there. */
  openTyping(from: DeviceId, to: DeviceId): Channel | undefined {
    this.activity += 1;
    const [own, theirs] = [this.#nodes.get(from), this.#nodes.get(to)];
    if (own === undefined || theirs === undefined || !this.#connected.has(pairOf(from, to))) return undefined;
    const { near, far } = this.#pair(own, theirs, from, to);
    theirs.events.onTyping?.(far);
    return near;
  }

  #pair(own: Node, theirs: Node, from: DeviceId, to: DeviceId): { near: MemoryLane; far: MemoryLane } {
    const near = new MemoryLane(this, from, to);
    const far = new MemoryLane(this, to, from);
    near.other = far;
    far.other = near;
    own.lanes.add(near);
    theirs.lanes.add(far);
    return { near, far };
  }
}

class MemoryLane implements Channel {
  readonly remote: DeviceId;
  readonly path: Path = "direct";
  other: MemoryLane | undefined;
  readonly #network: MemoryNetwork;
  readonly #own: DeviceId;
  #unread: Uint8Array[] = [];
  #isMute = false;
  #end: { readonly error: Error | undefined } | undefined;
  #wake = () => {};

  constructor(network: MemoryNetwork, own: DeviceId, remote: DeviceId) {
    this.#network = network;
    this.#own = own;
    this.remote = remote;
  }

  async send(frames: readonly Uint8Array[]): Promise<void> {
    if (this.#end !== undefined) throw gone();
    const arriving: Uint8Array[] = [];
    for (const bytes of frames) {
      if (this.#isMute) break;
      const verdict = this.#network.carry(this.#own, this.remote, bytes);
      this.#isMute = verdict === "mute";
      if (verdict === "pass") arriving.push(bytes.slice());
      if (verdict !== "cut") continue;
      this.other?.take(arriving);
      this.abort(gone());
      return;
    }
    this.other?.take(arriving);
  }

  async *receive(): AsyncGenerator<readonly Uint8Array[]> {
    for (;;) {
      const frames = this.#unread;
      this.#unread = [];
      if (frames.length > 0) yield frames;
      else if (this.#end === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
      else break;
    }
    if (this.#end.error !== undefined) throw this.#end.error;
  }

  async close(): Promise<void> {
    this.finish(undefined);
    this.other?.finish(undefined);
  }

  abort(error: Error): void {
    this.finish(error);
    this.other?.finish(gone());
  }

  take(frames: readonly Uint8Array[]): void {
    if (this.#end !== undefined || frames.length === 0) return;
    this.#unread.push(...frames);
    this.#wake();
  }

  finish(error: Error | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.#network.forget(this);
    this.#wake();
  }
}

export function addressOf(device: DeviceId): string {
  return `/ip4/192.0.2.1/tcp/4001/p2p/${device}`;
}

function pairOf(a: DeviceId, b: DeviceId): string {
  return [a, b].sort().join(" ");
}

function readFrame(bytes: Uint8Array): Frame | undefined {
  try {
    return decodeFrame(bytes);
  } catch {
    return undefined;
  }
}

function gone(): ChatError {
  return new ChatError("PEER_UNREACHABLE", "the lane is gone");
}
