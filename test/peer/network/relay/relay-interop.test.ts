import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { identify } from "@libp2p/identify";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { describe, expect, onTestFinished, test } from "vitest";
import { startTestRelay } from "../../../support/relay-node.ts";
import { startSmoldot } from "../../../support/smoldot.ts";

async function startPlainNode() {
  const node = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify({ runOnConnectionOpen: false }), ping: ping() },
  });
  onTestFinished(() => node.stop());
  return node;
}

describe("an implementation of libp2p that is not ours", () => {
  test("shakes hands with a relay over Noise and Yamux, pings it, and answers its pings", async () => {
    await using relay = await startTestRelay({}, { limits: { pingIntervalMs: 1000 } });
    const { log } = await startSmoldot(relay.address);
    const hears = (what: string) => log.some((line) => line.startsWith("network:") && line.includes(what));
    await expect.poll(() => hears("handshake-finished")).toBe(true);
    await expect.poll(() => hears("pong;")).toBe(true);
    // it ends connections whose pings it cannot answer
    expect(relay.node.counts().connections).toBe(1);
    expect(hears("connection-shutdown")).toBe(false);
  });
});

describe("identify", () => {
  test("tells one fixed name, the announced addresses and the protocols, and nothing else", async () => {
    const announce = ["/ip4/198.51.100.7/tcp/9443", "/dns4/relay.example.org/tcp/9443"];
    await using relay = await startTestRelay({}, { announce });
    const node = await startPlainNode();
    const [port] = [relay.node.port];
    const connection = await node.dial(multiaddr(`/ip4/127.0.0.1/tcp/${port}/p2p/${relay.node.device}`));
    const told = await node.services.identify.identify(connection);
    expect(told.agentVersion).toBe("p2pchat");
    expect(told.listenAddrs.map(String)).toEqual(announce);
    expect(relay.node.addresses).toEqual(announce.map((address) => `${address}/p2p/${relay.node.device}`));
    expect(told.protocols.sort()).toEqual([
      "/ipfs/id/1.0.0",
      "/ipfs/ping/1.0.0",
      "/libp2p/circuit/relay/0.2.0/hop",
      "/p2pchat/mailbox/1",
    ]);
    expect(await node.services.ping.ping(connection.remotePeer)).toBeGreaterThanOrEqual(0);
  });
});
