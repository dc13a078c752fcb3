import { expect } from "vitest";
import { firstFrame, soon } from "./channels.ts";
import { echo, type TestNetwork } from "./networks.ts";

/** The addresses by which a device is reached through relays. */
export const relayedOf = ({ network }: Pick<TestNetwork, "network">) =>
  network.addresses().filter((address) => address.includes("/p2p-circuit/"));

/** Resolves with them once there are so many. */
export async function relayed(device: Pick<TestNetwork, "network">, count = 1): Promise<string[]> {
  await expect.poll(() => relayedOf(device).length, { interval: 20 }).toBe(count);
  return relayedOf(device);
}

/** @returns the path that a frame took to that device and back */
export async function expectEcho(from: TestNetwork, to: TestNetwork, addresses: readonly string[]): Promise<string> {
  const channel = await from.network.connect(to.device, addresses, soon());
  void echo(await to.accept());
  await channel.send([new TextEncoder().encode("hi")]);
  expect(await firstFrame(channel)).toBe("hi");
  return channel.path;
}
