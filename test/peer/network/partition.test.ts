import { tcp } from "@libp2p/tcp";
import { describe, expect, test } from "vitest";
import type { Channel } from "../../../peer/messaging/ports/transport.ts";
import type { Punching } from "../../../peer/network/node.ts";
import { deviceIdOf } from "../../../shared/device-id.ts";
import { publicKeyOfSeed } from "../../../shared/ed25519.ts";
import { soon } from "../../support/channels.ts";
import { startFaultProxy } from "../../support/fault-proxy.ts";
import { tcpAddress } from "../../support/hostile-peer.ts";
import { seedOf, startTestNetwork, type TestNetwork } from "../../support/networks.ts";
import { startRelay } from "../../support/relay.ts";
import { relayed } from "../../support/relayed.ts";

type Options = {
  readonly relay: string;
  /** Whether the other of the two is one. */
  readonly contact: boolean;
  readonly aliveTimeoutMs: number;
};

const OTHER = { alice: "bob", bob: "alice" } as const;
const LONG_MS = 60_000;

/** How many direct connections it has whenever it tries to do without the relay. */
async function startPeer(name: "alice" | "bob", { relay, contact, aliveTimeoutMs }: Options) {
  const directAtAttempt: number[] = [];
  const punching: Punching = {
    transport: (parts) => tcp()(parts),
    start: async () => {},
    comesFromPort: async () => true,
    observe: async () => {},
    upgrade: async () => void directAtAttempt.push(peer.network.connections().paths.direct),
  };
  const peer: TestNetwork = await startTestNetwork(name, {
    ...{ punching, relays: () => [relay] },
    contacts: contact ? [deviceIdOf(publicKeyOfSeed(seedOf(OTHER[name])))] : [],
    limits: { negotiationTimeoutMs: 1500, aliveTimeoutMs },
  });
  return { ...peer, directAtAttempt };
}

const pathsOf = ({ network }: TestNetwork) => network.connections().paths;

async function endOf(channel: Channel): Promise<void> {
  for await (const _ of channel.receive());
}

describe("two devices between which packets vanish", () => {
  test("use their direct connection again once they come, and the relay no more", async () => {
    await using relay = await startRelay("relay");
    const options = { relay: relay.address, contact: true, aliveTimeoutMs: LONG_MS };
    await using alice = await startPeer("alice", options);
    await using bob = await startPeer("bob", options);
    await using line = await startFaultProxy(tcpAddress(bob.address));
    await alice.network.connect(bob.device, [line.address(bob.device)], soon());
    const healed = Promise.withResolvers<void>();
    line.setFaults({ heldUntil: healed.promise });
    const meanwhile = await alice.network.connect(bob.device, await relayed(bob), soon());
    expect(meanwhile.path).toBe("relay");
    healed.resolve();
    // whoever sends on it opens another
    await endOf(meanwhile);
    await expect(alice.network.connect(bob.device, [], soon())).resolves.toMatchObject({ path: "direct" });
    expect([alice, bob].map((peer) => pathsOf(peer).direct)).toEqual([1, 1]);
    expect([...alice.directAtAttempt, ...bob.directAtAttempt]).toEqual([]);
  });

  test.each([
    { side: "the one that came through a relay" as const, contacts: { alice: true, bob: false } },
    { side: "the other one" as const, contacts: { alice: false, bob: true } },
  ])("$side ends their direct connection, and only then tries for another", async ({ contacts }) => {
    await using relay = await startRelay("relay");
    const options = { relay: relay.address, aliveTimeoutMs: 1000 };
    await using alice = await startPeer("alice", { ...options, contact: contacts.alice });
    await using bob = await startPeer("bob", { ...options, contact: contacts.bob });
    await using line = await startFaultProxy(tcpAddress(bob.address));
    await alice.network.connect(bob.device, [line.address(bob.device)], soon());
    line.setFaults({ blackHole: true });
    const channel = await alice.network.connect(bob.device, await relayed(bob), soon());
    expect(channel.path).toBe("relay");
    const { directAtAttempt } = contacts.alice ? alice : bob;
    await expect.poll(() => directAtAttempt).toEqual([0]);
    expect(pathsOf(contacts.alice ? alice : bob)).toMatchObject({ direct: 0, relay: 1 });
  });
});
