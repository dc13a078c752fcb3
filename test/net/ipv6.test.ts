import { expect, test } from "vitest";
import { canBuildNetworks } from "../support/capabilities.ts";
import { createInternet, type Internet } from "./internet.ts";
import { type Person, RELAY_PORT, SERVER_PORT, Town } from "./people.ts";
import { firewallRules } from "./router-rules.ts";

const TIMEOUT_MS = 120_000;
const HEARD_WITHIN_MS = 30_000;

async function addPerson(town: Town, internet: Internet, name: string, rules = ""): Promise<Person> {
  const host = await internet.addHost(6);
  if (rules !== "") host.run(`nft '${rules}'`);
  return town.addPerson(name, host);
}

const hasHeard = (person: Person, wanted: { readonly text: string; readonly path: string }) =>
  person.until(
    () => person.heard.some(({ text, path }) => text === wanted.text && path === wanted.path),
    HEARD_WITHIN_MS,
  );

test.runIf(canBuildNetworks())(
  "where there is no IPv4, people reach each other directly, through a relay and by mailbox",
  { timeout: TIMEOUT_MS },
  async () => {
    await using internet = await createInternet({ delayMs: 5 });
    using town = new Town(internet);
    await town.startServer(6);
    await town.startRelay(6);
    const closed = firewallRules([SERVER_PORT, RELAY_PORT]);
    const [alice, bob, carol] = await Promise.all([
      addPerson(town, internet, "alice"),
      addPerson(town, internet, "bob"),
      addPerson(town, internet, "carol", closed),
    ]);
    expect(await alice.send("bob", "straight")).toMatchObject({ state: "stored", path: "direct" });
    expect(await hasHeard(bob, { text: "straight", path: "direct" })).toBe(true);

    expect(await alice.send("carol", "around")).toMatchObject({ state: "stored", path: "relay" });
    expect(await carol.send("alice", "and back")).toMatchObject({ state: "stored", path: "relay" });

    await carol.stopListening();
    expect(await alice.send("carol", "while you are away", "relayed")).toMatchObject({ state: "relayed" });
    await town.listen(carol);
    expect(await hasHeard(carol, { text: "while you are away", path: "mailbox" })).toBe(true);
  },
);
