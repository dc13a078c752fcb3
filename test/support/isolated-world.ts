import { expect } from "vitest";
import { type IsolatedNetwork, startIsolatedNetwork } from "./isolated-network.ts";
import { type Listener, listen } from "./mail-people.ts";
import { startServerProcess } from "./naming-server.ts";
import { World } from "./p2pchat.ts";
import { Relay } from "./relay-in-world.ts";

const SERVER_PORT = 8080;
const TIMEOUT_MS = 60_000;

/** A naming server, relays and people in a network of their own, where people meet nobody without a relay. */
export type IsolatedWorld = {
  readonly network: IsolatedNetwork;
  readonly world: World;
  /** Starts relays; from then on nothing else is reached but these and the naming server. */
  relays(names: readonly string[], args?: readonly string[]): Promise<Relay[]>;
  /** Somebody who listens, and can be reached through all of these relays. */
  person(name: string, relays: readonly Relay[]): Promise<Listener>;
};

export async function startIsolatedWorld(): Promise<IsolatedWorld> {
  const network = await startIsolatedNetwork();
  const { wrapper } = network;
  const world = new World(`http://127.0.0.1:${SERVER_PORT}`);
  const serverArgs = ["--port", String(SERVER_PORT), "--public-url", world.url];
  await startServerProcess({ databasePath: world.databasePath, args: serverArgs, wrapper });
  const ports = [SERVER_PORT];
  return {
    network,
    world,
    async relays(names, args = []) {
      const relays = names.map((name) => new Relay(world, name, { args: ["--verbose", ...args], wrapper }));
      await Promise.all(relays.map((relay) => relay.start()));
      ports.push(...relays.map(({ port }) => port));
      network.allowOnly(ports);
      return relays;
    },
    async person(name, relays) {
      const addresses = relays.map(({ address }) => address).join(",");
      const person = world.person(name, { P2PCHAT_RELAYS: addresses });
      const registered = await person.run(["register", name, "--server", world.url, "--no-passphrase"], { wrapper });
      expect(registered).toMatchObject({ code: 0 });
      const listener = await listen(person, [], wrapper);
      await isReachable(listener, relays.length);
      return listener;
    },
  };
}

/** Resolves once so many relays hold a place for that listener. */
export async function isReachable({ calls }: Listener, count: number): Promise<void> {
  const reserved = async () => (await calls.status()).relays.filter(({ state }) => state === "reserved").length;
  await expect.poll(reserved, { timeout: TIMEOUT_MS }).toBe(count);
}
