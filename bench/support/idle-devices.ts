/* A process of its own with many devices that hold a place at a relay each, as the product keeps one, and do nothing. */
import { randomBytes } from "node:crypto";
import type { Connection } from "@libp2p/interface";
import { systemRuntime } from "../../peer/messaging/runtime.ts";
import { Connections } from "../../peer/network/connections.ts";
import { connectionGater } from "../../peer/network/dialling/gater.ts";
import { NETWORK_LIMITS } from "../../peer/network/limits.ts";
import { RelayClient } from "../../peer/network/reservations/relay-client.ts";
import { Reservations } from "../../peer/network/reservations/reservations.ts";
import { createNode } from "../../peer/network/transport/libp2p.ts";
import { deviceIdOf } from "../../shared/device-id.ts";
import { publicKeyOfSeed } from "../../shared/ed25519.ts";

export type IdleOrder =
  | { readonly do: "reserve"; readonly relay: string; readonly count: number }
  | { readonly do: "count" };

/** Devices that hold a place now. */
export type IdleResult = { readonly reserved: number };

const AT_ONCE = 10;
const all: Reservations[] = [];

process.on("message", (order: IdleOrder) => {
  carryOut(order).then(
    () => process.send?.({ result: { reserved: all.filter((one) => one.held().length > 0).length } }),
    (error: Error) => process.send?.({ error: error.message }),
  );
});

async function carryOut(order: IdleOrder): Promise<void> {
  if (order.do === "count") return;
  const { relay, count } = order;
  for (let made = 0; made < count; made += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - made) }, () => reserve(relay)));
  }
}

/** The network of a device that listens, without what concerns other devices. Resolves once it has its place. */
async function reserve(relay: string): Promise<void> {
  const deviceSeed = randomBytes(32);
  const { promise, resolve } = Promise.withResolvers<void>();
  const self = deviceIdOf(publicKeyOfSeed(deviceSeed));
  const common = { limits: NETWORK_LIMITS, runtime: systemRuntime };
  const connections = new Connections<Connection>({ self, limits: NETWORK_LIMITS, isContact: () => false });
  const gater = connectionGater({
    allowLocal: true,
    refusal: () => undefined,
    refusalThroughRelay: () => undefined,
    onRefused: () => {},
  });
  const node = await createNode({ deviceSeed, listen: [], watchedBy: systemRuntime, gater, limits: NETWORK_LIMITS });
  node.addEventListener("connection:open", ({ detail }) => {
    connections.add(deviceIdOf(detail.remotePeer.publicKey?.raw ?? new Uint8Array()), detail);
  });
  await node.start();
  const client = new RelayClient({ ...common, node, connections });
  const reservations = new Reservations({
    ...common,
    wanted: () => [relay],
    reserve: (address, signal) => client.reserve(address, signal),
    onChanged: resolve,
  });
  all.push(reservations);
  reservations.start();
  await promise;
}
