import { createInterface } from "node:readline";
import { setTimeout as after } from "node:timers/promises";
import { systemRuntime } from "../../peer/messaging/runtime.ts";
import { startNetwork } from "../../peer/network/node.ts";
import { createPunching } from "../../peer/network/punching/punch.ts";
import { deviceIdOf } from "../../shared/device-id.ts";
import { publicKeyOfSeed } from "../../shared/ed25519.ts";
import { seedOf } from "../support/networks.ts";

/*
 * A device that is reached through relays and gets off them: `peer-main.ts <name> <port> <relay>...`. Prints a line once
 * every relay has a place for it. For each line it reads, a name and milliseconds, it connects to that device through the
 * first relay, and prints how it is connected before and after it tried, for so long, to get off.
 */

const CONNECT_MS = 60_000;

const [name = "", port = "", ...relays] = process.argv.slice(2);
const self = deviceIdOf(publicKeyOfSeed(seedOf(name)));
const reachable = Promise.withResolvers<void>();
const isContact = () => true;
const log: string[] = [];
const common = {
  isContact,
  allowLocal: false,
  runtime: systemRuntime,
  log: (message: string, facts: unknown) => log.push(`${message} ${JSON.stringify(facts)}`),
};
const network = await startNetwork({
  ...common,
  deviceSeed: seedOf(name),
  listen: { port: Number(port) },
  relays: () => relays,
  punching: createPunching({ ...common, self }),
  events: {
    onChannel: () => {},
    onGossip: () => {},
    onConnected: () => {},
    onAddressesChanged: () => {
      if (network.addresses().filter((address) => address.includes("/p2p-circuit/")).length === relays.length) {
        reachable.resolve();
      }
    },
  },
});
await reachable.promise;
console.log(JSON.stringify({ addresses: network.addresses() }));

for await (const line of createInterface({ input: process.stdin })) {
  const [other = "", patienceMs] = line.split(" ");
  const device = deviceIdOf(publicKeyOfSeed(seedOf(other)));
  const address = `${relays[0]}/p2p-circuit/p2p/${device}`;
  const relayed = await network.connect(device, [address], AbortSignal.timeout(CONNECT_MS));
  const startedAtMs = performance.now();
  const isOff = () => network.connections().paths.relay < network.connections().open - relays.length;
  while (!isOff() && performance.now() - startedAtMs < Number(patienceMs)) await after(5);
  const ms = Math.round(performance.now() - startedAtMs);
  const channel = await network.connect(device, [], AbortSignal.timeout(CONNECT_MS));
  console.log(JSON.stringify({ before: relayed.path, after: channel.path, ms, log }));
}
