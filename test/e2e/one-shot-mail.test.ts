import { expect, test } from "vitest";
import { hasMailboxes, listen } from "../support/mail-people.ts";
import { startWorld, strangers } from "../support/p2pchat.ts";
import { startRelays } from "../support/relay-in-world.ts";

const TIMEOUT_MS = 60_000;

test("somebody who only ever sends hears that it was read, though the two were never there together", async () => {
  const world = await startWorld();
  const relays = await startRelays(world, ["one"]);
  const { alice, bob } = await strangers(world);
  const first = await listen(bob);
  await hasMailboxes(first, 1);
  expect(await alice.send("bob", "hello")).toMatchObject({ exit: 0, line: { state: "stored" } });
  await first.calls.contactsAccept({ username: "alice" });
  await first.program.stop();

  expect(await alice.send("bob", "for later", "--wait", "relayed")).toMatchObject({ line: { state: "relayed" } });
  const deposited = () => Promise.all(relays.map((relay) => relay.answered("deposited")));
  const [before = 0] = await deposited();
  const back = await listen(bob);
  await back.program.nextMessage("for later");
  await expect.poll(deposited, { timeout: TIMEOUT_MS }).toEqual([before + 1]);
  await back.program.stop();

  expect((await alice.ask(["outbox", "retry"])).line).toMatchObject({ retried: 1 });
  expect((await alice.ask(["outbox"])).line).toMatchObject({ items: [] });
  expect((await alice.run(["history", "bob", "--json"])).lines.at(-1)).toMatchObject({ path: "mailbox" });
});
