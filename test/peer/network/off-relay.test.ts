import { tcp } from "@libp2p/tcp";
import { multiaddr } from "@multiformats/multiaddr";
import { describe, expect, test } from "vitest";
import type { Channel } from "../../../peer/messaging/ports/transport.ts";
import { markPunched } from "../../../peer/network/connection-path.ts";
import type { Punching } from "../../../peer/network/node.ts";
import type { Libp2pNode } from "../../../peer/network/transport/libp2p.ts";
import { soon } from "../../support/channels.ts";
import { startTestNetwork } from "../../support/networks.ts";
import { startRelay } from "../../support/relay.ts";
import { relayed } from "../../support/relayed.ts";

/** All that arrives until the channel ends in peace. */
async function framesOf(channel: Channel): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = [];
  for await (const some of channel.receive()) frames.push(...some);
  return frames;
}

describe("a relayed connection to a contact", () => {
  test("is replaced by a plain dial where that works; both sides' channels end, so that the next take the better way", async () => {
    await using relay = await startRelay("relay");
    const known: string[] = [];
    const limits = { offRelayRetryMs: 200, sweepIntervalMs: 50 };
    await using bob = await startTestNetwork("bob", { relays: () => [relay.address] });
    await using alice = await startTestNetwork("alice", {
      limits,
      contacts: [bob.device],
      addressesOf: () => known,
    });
    const channel = await alice.network.connect(bob.device, await relayed(bob), soon());
    const answering = await bob.accept();
    const back = await bob.network.connect(alice.device, [], soon());
    expect([channel.path, back.path]).toEqual(["relay", "relay"]);
    known.push(bob.address);
    await expect.poll(() => alice.network.connections().paths.direct).toBe(1);
    await expect(framesOf(channel)).resolves.toEqual([]);
    await expect(framesOf(answering)).resolves.toEqual([]);
    await expect(framesOf(back)).resolves.toEqual([]);
    const fresh = await alice.network.connect(bob.device, [], soon());
    expect([fresh.path, (await bob.accept()).path]).toEqual(["direct", "direct"]);
    // nothing needs the relay any more: this side closes what it dialled
    await expect.poll(() => alice.network.connections().paths.relay).toBe(0);
  });

  test("is handed to hole punching, once, where no address answers; what that makes says so", async () => {
    await using relay = await startRelay("relay");
    await using bob = await startTestNetwork("bob", { relays: () => [relay.address] });
    const asked: string[] = [];
    let node: Libp2pNode | undefined;
    const punching: Punching = {
      transport: (parts) => tcp()(parts),
      start: async (started) => {
        node = started;
      },
      comesFromPort: async () => true,
      observe: async () => {},
      upgrade: async (relayedConnection) => {
        asked.push(relayedConnection.remotePeer.toString());
        const punched = await node?.dial(multiaddr(bob.address), { force: true });
        if (punched !== undefined) markPunched(punched);
      },
    };
    await using alice = await startTestNetwork("alice", { contacts: [bob.device], punching });
    const channel = await alice.network.connect(bob.device, await relayed(bob), soon());
    expect(channel.path).toBe("relay");
    await expect.poll(() => alice.network.connections().paths.punched).toBe(1);
    expect(asked).toEqual([bob.device]);
    await expect(alice.network.connect(bob.device, [], soon())).resolves.toMatchObject({ path: "punched" });
  });
});
