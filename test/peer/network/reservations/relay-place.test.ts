import type { Connection } from "@libp2p/interface";
import { tcp } from "@libp2p/tcp";
import { describe, expect, test } from "vitest";
import type { Punching } from "../../../../peer/network/node.ts";
import { startTestNetwork } from "../../../support/networks.ts";
import { startRelay } from "../../../support/relay.ts";
import { relayed } from "../../../support/relayed.ts";

const OFTEN = { renewMinMs: 0, renewMaxMs: 0, relayPingIntervalMs: 50, sweepIntervalMs: 50 };

/** Says which of the connections to relays come from the right port, in the order in which they are dialled. */
function meetingBy(comesFromPort: (n: number) => boolean) {
  const dialled: Connection[] = [];
  const observed: number[] = [];
  const numberOf = (connection: Connection) => {
    if (!dialled.includes(connection)) dialled.push(connection);
    return dialled.indexOf(connection);
  };
  const punching: Punching = {
    transport: (parts) => tcp()(parts),
    start: async () => {},
    upgrade: async () => {},
    comesFromPort: async (connection) => comesFromPort(numberOf(connection)),
    observe: async (connection) => void observed.push(numberOf(connection)),
  };
  return { punching, dialled, observed };
}

describe("a device whose connection to its relay does not show where it can be met", () => {
  test("dials the relay anew until one does, keeps its place meanwhile, and lets the others go", async () => {
    await using relay = await startRelay("relay");
    const { punching, dialled, observed } = meetingBy((n) => n >= 3);
    let changes = 0;
    await using bob = await startTestNetwork("bob", {
      ...{ punching, relays: () => [relay.address], limits: OFTEN },
      onAddressesChanged: () => {
        changes += 1;
      },
    });
    await relayed(bob);
    await expect.poll(() => observed.includes(3), { timeout: 10_000 }).toBe(true);
    await expect.poll(() => relay.node.getConnections().length, { timeout: 10_000 }).toBe(1);
    expect(dialled.map(({ status }) => status === "open")).toEqual([false, false, false, true]);
    const renewed = observed.length;
    await expect.poll(() => observed.length, { timeout: 10_000 }).toBeGreaterThan(renewed + 3);
    expect([changes, dialled.length, new Set(observed)]).toEqual([1, 4, new Set([3])]);
    expect(bob.network.connections().reservations).toMatchObject([{ state: "reserved" }]);
  });

  test("loses its place with the connection that took the place of the first, and takes another", async () => {
    await using relay = await startRelay("relay");
    const { punching, dialled } = meetingBy((n) => n >= 1);
    let changes = 0;
    await using bob = await startTestNetwork("bob", {
      ...{ punching, relays: () => [relay.address] },
      onAddressesChanged: () => {
        changes += 1;
      },
    });
    await relayed(bob);
    expect(dialled).toHaveLength(2);
    for (const connection of dialled) connection.abort(new Error("cut"));
    await expect.poll(() => changes, { timeout: 10_000 }).toBe(3);
    await relayed(bob);
  });
});
