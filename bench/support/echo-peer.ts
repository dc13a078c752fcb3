/*
 * A process of its own with a bare libp2p node, made as the peer makes its own. Told nothing, it says where it listens
 * and sends back what it gets; told an address, it measures round trips to it.
 */
import { randomBytes } from "node:crypto";
import type { Stream } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { NETWORK_LIMITS } from "../../peer/network/limits.ts";
import { createNode } from "../../peer/network/transport/libp2p.ts";
import { timesOf } from "./statistics.ts";

export type EchoOrder = { readonly address?: string; readonly bytes: number; readonly count: number };
export type EchoResult = { readonly address: string; readonly timesMs: readonly number[] };

const PROTOCOL = "/p2pchat-bench/echo/1";

const node = await createNode({
  deviceSeed: randomBytes(32),
  listen: ["/ip4/127.0.0.1/tcp/0"],
  gater: {},
  limits: NETWORK_LIMITS,
});
await node.start();
await node.handle(PROTOCOL, (stream) => {
  stream.addEventListener("message", ({ data }) => void stream.send(data));
});

let stream: Stream | undefined;
process.on("message", (order: EchoOrder) => {
  carryOut(order).then(
    (result) => process.send?.({ result }),
    (error: Error) => process.send?.({ error: error.message }),
  );
});

async function carryOut({ address, bytes, count }: EchoOrder): Promise<EchoResult> {
  const own = `${node.services.parts.transportManager.getAddrs()[0]}/p2p/${node.peerId}`;
  if (address === undefined) return { address: own, timesMs: [] };
  stream ??= await (await node.dial(multiaddr(address))).newStream([PROTOCOL]);
  const content = randomBytes(bytes);
  const open = stream;
  return { address: own, timesMs: await timesOf(count, () => roundTrip(open, content)) };
}

function roundTrip(open: Stream, content: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    let missing = content.length;
    const take = ({ data }: { data: { byteLength: number } }) => {
      missing -= data.byteLength;
      if (missing > 0) return;
      open.removeEventListener("message", take);
      resolve();
    };
    open.addEventListener("message", take);
    open.send(content);
  });
}
