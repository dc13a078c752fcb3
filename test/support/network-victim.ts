import { systemRuntime } from "../../peer/messaging/runtime.ts";
import { startNetwork } from "../../peer/network/node.ts";
import { parseDeviceId } from "../../shared/device-id.ts";
import { seedOf } from "./networks.ts";

/*
 * A device in a process of its own, so that its memory can be measured. Says its address in one line; for each line on
 * stdin it answers with its resident memory in bytes. `node network-victim.ts <contact>... [--deaf]`: deaf, it never
 * reads a channel, else it echoes.
 */

const arguments_ = process.argv.slice(2);
const isDeaf = arguments_.includes("--deaf");
const contacts = new Set(arguments_.filter((argument) => argument !== "--deaf").map(parseDeviceId));

const network = await startNetwork({
  deviceSeed: seedOf("victim"),
  listen: { hosts: ["0.0.0.0"], port: 0 },
  allowLocal: true,
  isContact: (device) => contacts.has(device),
  runtime: systemRuntime,
  events: {
    onGossip: (channel) => void channel.close(),
    onConnected: () => {},
    onChannel: (channel) => {
      if (isDeaf && !contacts.has(channel.remote)) return;
      void (async () => {
        for await (const frames of channel.receive()) await channel.send(frames);
      })().catch(() => {});
    },
  },
});

console.log(network.addresses()[0]);

process.stdin.on("data", () => console.log(process.memoryUsage().rss));
process.stdin.on("end", () => process.exit());
