/*
 * A process of its own with devices' networks as the product makes them. Told to listen, it is reachable through a
 * relay too, and sends every frame back; told an address, it measures round trips to it, from a device of its own for
 * each address.
 */
import { randomBytes } from "node:crypto";
import type { Channel } from "../../peer/messaging/ports/transport.ts";
import { systemRuntime } from "../../peer/messaging/runtime.ts";
import type { Network } from "../../peer/network/network.ts";
import { startNetwork } from "../../peer/network/node.ts";
import { parseDeviceId } from "../../shared/device-id.ts";
import { timesOf } from "./statistics.ts";

export type PeerOrder =
  | { readonly do: "listen"; readonly relay: string }
  | { readonly do: "measure"; readonly address: string; readonly bytes: number; readonly count: number };

/** What it listens on, the relayed one last; or milliseconds of each round trip, and which way they went. */
export type PeerResult = {
  readonly addresses: readonly string[];
  readonly timesMs: readonly number[];
  readonly path: string;
};

type Line = { readonly channel: Channel; readonly frames: AsyncIterator<readonly Uint8Array[]> };

const DIAL_TIMEOUT_MS = 20_000;
const lines = new Map<string, Promise<Line>>();

process.on("message", (order: PeerOrder) => {
  carryOut(order).then(
    (result) => process.send?.({ result }),
    (error: Error) => process.send?.({ error: error.message }),
  );
});

async function carryOut(order: PeerOrder): Promise<PeerResult> {
  if (order.do === "listen") return { addresses: await listen(order.relay), timesMs: [], path: "" };
  const { address, bytes, count } = order;
  const line = lines.get(address) ?? dial(address);
  lines.set(address, line);
  const { channel, frames } = await line;
  const content = randomBytes(bytes);
  const timesMs = await timesOf(count, async () => {
    await channel.send([content]);
    await frames.next();
  });
  return { addresses: [], timesMs, path: channel.path };
}

/** Resolves once the relay passes connections on. */
async function listen(relay: string): Promise<readonly string[]> {
  const reachable = Promise.withResolvers<void>();
  const network = await start({ relay, onAddressesChanged: () => reachable.resolve() });
  await reachable.promise;
  return network.addresses();
}

async function dial(address: string): Promise<Line> {
  const network = await start({});
  const device = parseDeviceId(address.slice(address.lastIndexOf("/") + 1));
  const channel = await network.connect(device, [address], AbortSignal.timeout(DIAL_TIMEOUT_MS));
  return { channel, frames: channel.receive()[Symbol.asyncIterator]() };
}

function start({
  relay,
  onAddressesChanged = () => {},
}: {
  relay?: string;
  onAddressesChanged?: () => void;
}): Promise<Network> {
  return startNetwork({
    deviceSeed: randomBytes(32),
    ...(relay !== undefined && { listen: { hosts: ["127.0.0.1"], port: 0 }, relays: () => [relay] }),
    allowLocal: true,
    isContact: () => false,
    events: {
      onChannel: (channel) => void echo(channel),
      onGossip: () => {},
      onConnected: () => {},
      onAddressesChanged,
    },
    runtime: systemRuntime,
  });
}

async function echo(channel: Channel): Promise<void> {
  for await (const frames of channel.receive()) await channel.send(frames);
}
