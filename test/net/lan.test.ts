import { expect, test } from "vitest";
import { canBuildNetworks } from "../support/capabilities.ts";
import { createInternet } from "./internet.ts";
import { Town } from "./people.ts";

test.runIf(canBuildNetworks())(
  "two who know each other go on talking on their own network when the internet and the naming server are gone",
  { timeout: 120_000 },
  async () => {
    await using internet = await createInternet({ delayMs: 0 });
    using town = new Town(internet);
    await town.startServer();
    const router = await internet.addNat("masq");
    const [alice, bob] = [
      await town.addPerson("alice", await router.addHost()),
      await town.addPerson("bob", await router.addHost()),
    ];
    expect(await alice.send("bob", "we have met")).toMatchObject({ state: "stored" });
    await router.unplug();
    // Neither is where the other remembers them.
    await town.listen(bob, { port: 4002, args: ["--lan"] });
    await town.listen(alice, { port: 4003, args: ["--lan"] });
    expect(await alice.send("bob", "without anybody else")).toMatchObject({ state: "stored", path: "direct" });
    expect(await bob.send("alice", "and back")).toMatchObject({ state: "stored", path: "direct" });
  },
);
