import { expect, test } from "vitest";
import { canBuildNetworks, canOpenPorts } from "../support/capabilities.ts";
import { createInternet } from "./internet.ts";
import { Town } from "./people.ts";

test.runIf(canBuildNetworks() && canOpenPorts())(
  "somebody behind a router that opens ports is called directly without a relay, and leaves it closed",
  { timeout: 120_000 },
  async () => {
    await using internet = await createInternet({ delayMs: 0 });
    using town = new Town(internet);
    await town.startServer();
    const router = await internet.addNat("masq");
    router.openPorts();
    const alice = await town.addPerson("alice", await router.addHost());
    const bob = await town.addPerson("bob", await internet.addHost());
    await town.listen(alice, { args: ["--upnp"] });
    const mapped = `/ip4/${router.address}/tcp/4001`;
    await expect.poll(() => alice.run(["status"]).then(JSON.stringify)).toContain(mapped);
    expect(router.rules()).toContain("dport 4001 dnat");
    expect(await bob.send("alice", "through the door")).toMatchObject({ state: "stored", path: "direct" });
    await alice.stopListening();
    expect(router.rules()).not.toContain("dport 4001");
  },
);
