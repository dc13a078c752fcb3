import { systemRuntime } from "../../../../peer/messaging/runtime.ts";
import { startNetwork } from "../../../../peer/network/node.ts";
import type { DeviceId } from "../../../../shared/device-id.ts";
import { seedOf } from "../../../support/networks.ts";

// node lan-script.ts: alice and bob, who know each other, and carol, whom nobody knows, in one local network

type Found = { readonly device: DeviceId; readonly name: string };

const found: Found[] = [];
let onFound = () => {};

async function start(name: string, contacts: () => readonly string[]) {
  return startNetwork({
    deviceSeed: seedOf(name),
    listen: { port: 0 },
    allowLocal: false,
    lan: true,
    isContact: (device) => contacts().includes(device),
    events: {
      onChannel: (channel) => void channel.close(),
      onGossip: () => {},
      onConnected: () => {},
      onNearby(device) {
        found.push({ name, device });
        onFound();
      },
    },
    runtime: systemRuntime,
  });
}

const carol = await start("carol", () => []);
const known: string[] = [];
const alice = await start("alice", () => known);
const bob = await start("bob", () => known);
known.push(alice.device, bob.device);

/** Everybody asks every ten seconds. */
const signal = AbortSignal.timeout(25_000);
await new Promise<void>((resolve, reject) => {
  onFound = () => {
    if (found.some(({ name }) => name === "alice")) resolve();
  };
  signal.addEventListener("abort", () => reject(signal.reason));
  onFound();
});
const channel = await alice.connect(bob.device, [], signal);
const toCarol = await alice.connect(carol.device, [], signal).catch((error) => error);
console.log(
  JSON.stringify({
    path: channel.path,
    foundBob: found.some(({ name, device }) => name === "alice" && device === bob.device),
    foundByCarol: found.filter(({ name }) => name === "carol").length,
    foundCarol: found.filter(({ device }) => device === carol.device).length,
    carol: toCarol.code,
  }),
);
process.exit();
