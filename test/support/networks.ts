import { createHash } from "node:crypto";
import type { Channel } from "../../peer/messaging/ports/transport.ts";
import { type Runtime, systemRuntime } from "../../peer/messaging/runtime.ts";
import type { NetworkLimits } from "../../peer/network/limits.ts";
import type { Network } from "../../peer/network/network.ts";
import { type Punching, startNetwork } from "../../peer/network/node.ts";
import type { RelayMemory } from "../../peer/network/reservations/reservations.ts";
import type { DeviceId } from "../../shared/device-id.ts";

/** A network of one device on loopback, with what it told its owner. */
export type TestNetwork = {
  readonly network: Network;
  readonly device: DeviceId;
  readonly address: string;
  readonly connected: DeviceId[];
  /** The next channel that somebody opened. */
  accept(): Promise<Channel>;
  [Symbol.asyncDispose](): Promise<void>;
};

type Options = {
  readonly limits?: Partial<NetworkLimits>;
  readonly contacts?: readonly string[];
  readonly dialOnly?: boolean;
  /** Any free one by default. */
  readonly port?: number;
  /** The real one by default. */
  readonly runtime?: Runtime;
  /** Instead of `accept`. */
  readonly onChannel?: (channel: Channel) => void;
  readonly onGossip?: (channel: Channel) => void;
  readonly onTyping?: (channel: Channel) => void;
  /** On which to be reachable. */
  readonly relays?: () => readonly string[];
  readonly relayMemory?: RelayMemory;
  readonly onAddressesChanged?: () => void;
  readonly onWoke?: () => void;
  readonly onNearby?: (device: DeviceId) => void;
  readonly addressesOf?: (device: DeviceId) => readonly string[];
  readonly punching?: Punching;
  readonly lan?: boolean;
};

/** The seed is a hash of `name`, so that a device keeps its key through a test. */
export function seedOf(name: string): Uint8Array {
  return createHash("sha256").update(name).digest();
}

export async function startTestNetwork(name: string, options: Options = {}): Promise<TestNetwork> {
  const { limits = {}, contacts = [], dialOnly = false, runtime = systemRuntime } = options;
  const channels: Channel[] = [];
  const connected: DeviceId[] = [];
  let arrived = () => {};
  const keep = (channel: Channel) => {
    channels.push(channel);
    arrived();
  };
  const network = await startNetwork({
    deviceSeed: seedOf(name),
    ...(dialOnly ? {} : { listen: { hosts: ["127.0.0.1"], port: options.port ?? 0 } }),
    allowLocal: true,
    isContact: (device) => contacts.includes(device),
    events: {
      onChannel: options.onChannel ?? keep,
      onGossip: options.onGossip ?? keep,
      onTyping: options.onTyping ?? keep,
      onConnected: (device) => connected.push(device),
      onAddressesChanged: () => options.onAddressesChanged?.(),
      onWoke: () => options.onWoke?.(),
      onNearby: (device) => options.onNearby?.(device),
    },
    relays: () => options.relays?.() ?? [],
    ...(options.relayMemory && { relayMemory: options.relayMemory }),
    addressesOf: (device) => options.addressesOf?.(device) ?? [],
    lan: options.lan ?? false,
    ...(options.punching && { punching: options.punching }),
    runtime,
    // most tests leave a channel open at one end
    limits: { closeTimeoutMs: 100, ...limits },
  });
  return {
    network,
    device: network.device,
    address: network.addresses()[0] ?? "",
    connected,
    accept: async () => {
      for (;;) {
        const channel = channels.shift();
        if (channel !== undefined) return channel;
        await new Promise<void>((resolve) => {
          arrived = resolve;
        });
      }
    },
    [Symbol.asyncDispose]: () => network.stop(),
  };
}

/** Answers every frame with the same frame, until the channel ends. */
export async function echo(channel: Channel): Promise<void> {
  for await (const frames of channel.receive()) await channel.send(frames);
}

/** Sends one frame from a fresh node and waits for its echo: the honest peer that every attack must leave able to. */
export async function assertStillServes(
  target: Pick<TestNetwork, "device" | "address">,
  name = "honest",
): Promise<void> {
  await using honest = await startTestNetwork(name, { dialOnly: true });
  const channel = await honest.network.connect(target.device, [target.address], AbortSignal.timeout(5000));
  await channel.send([new TextEncoder().encode("still there?")]);
  for await (const [frame] of channel.receive()) {
    if (new TextDecoder().decode(frame) !== "still there?") throw new Error("another answer than the echo");
    return;
  }
  throw new Error("no answer");
}
