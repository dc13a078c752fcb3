import { systemRuntime } from "../../peer/messaging/runtime.ts";
import { connectMailbox } from "../../peer/network/mailbox/mailbox-client.ts";
import type { MailboxConnection } from "../../peer/network/mailbox/mailbox-connection.ts";
import { type RelayNode, startRelayNode } from "../../peer/network/relay/relay-node.ts";
import type { RelayNodeOptions } from "../../peer/network/relay/relay-options.ts";
import { RELAY_LIMITS, type RelayLimits } from "../../peer/relay/limits.ts";
import { serveMailbox } from "../../peer/relay/mailbox-session.ts";
import { RelayRules } from "../../peer/relay/relay-rules.ts";
import { publicKeyOfDevice } from "../../shared/device-id.ts";
import { soon } from "./channels.ts";
import { openTestMailbox, type TestMailbox } from "./mailbox.ts";
import { seedOf } from "./networks.ts";

export type TestRelay = {
  readonly node: RelayNode;
  readonly address: string;
  readonly rules: RelayRules;
  readonly world: TestMailbox;
  connect(): Promise<MailboxConnection>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** All that a test asks for comes from one address. */
const PLENTY = {
  connectionsPerNetwork: 10_000,
  reservationsPerNetwork: 10_000,
  relayedPerNetwork: 10_000,
  relayedPerUserAndSite: 10_000,
  bytesPerNetworkAndHour: 2 ** 40,
  mailboxConnectionsPerNetwork: 10_000,
  newBoxesPerHour: 10_000,
  newBoxesPerDay: 10_000,
  fetchedBytesPerHour: 2 ** 40,
  depositsPerSecond: 100_000,
  otherRequestsPerSecond: 100_000,
};

/** A relay on loopback in this process. */
export async function startTestRelay(
  limits: Partial<RelayLimits> = {},
  options: Partial<RelayNodeOptions> = {},
): Promise<TestRelay> {
  const all = { ...RELAY_LIMITS, ...PLENTY, ...limits };
  const world = openTestMailbox(all, { clock: { nowMs: Date.now() } });
  const rules = new RelayRules(all, () => systemRuntime.monotonic());
  const node: RelayNode = await startRelayNode({
    seed: seedOf("relay"),
    listen: { hosts: ["127.0.0.1"], port: 0 },
    announce: [],
    allowLocal: true,
    rules,
    nat: { maxReservations: all.reservations, relayedMs: all.relayedSeconds * 1000 },
    onMailbox: (channel, network) =>
      serveMailbox({
        ...{ channel, network, mailbox: world.mailbox, relayKey: publicKeyOfDevice(node.device) },
        runtime: systemRuntime,
        counted: () => {},
      }),
    runtime: systemRuntime,
    ...options,
    limits: { inboundPerSecondAndAddress: 10_000, closeTimeoutMs: 200, ...options.limits },
  });
  const address = node.addresses[0] ?? "";
  return {
    node,
    address,
    rules,
    world,
    connect: () => connectMailbox({ relay: address, allowLocal: true, runtime: systemRuntime, signal: soon() }),
    [Symbol.asyncDispose]: () => node.stop(),
  };
}
