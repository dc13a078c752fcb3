import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { aliceAndBob, type Person } from "../support/p2pchat.ts";
import type { Line } from "../support/program.ts";

const textsOf = (lines: readonly Line[]) => lines.filter(({ type }) => type === "message").map(({ text }) => text);

function batchOf(person: Person, items: readonly object[]): string {
  const file = join(person.world.directory, "batch.ndjson");
  writeFileSync(file, items.map((item) => `${JSON.stringify(item)}\n`).join(""));
  return file;
}

test("a batch reaches each in order, with and without a daemon; whoever is away gets theirs later", async () => {
  const { world, alice, bob, listening } = await aliceAndBob();
  const carol = await world.register("carol", "--no-passphrase");
  const hearing = await carol.listen();
  const away = await world.register("dave", "--no-passphrase");
  const texts = Array.from({ length: 10 }, (_, index) => `number ${index}`);
  const items = texts.flatMap((text) => ["bob", "carol"].map((to) => ({ to, text })));
  const file = batchOf(alice, [...items, { to: "dave", text: "later" }, { to: "zachary", text: "never" }]);
  const { code, lines, stderr } = await alice.run(["send", "--batch", file, "--timeout", "5s", "--json"]);
  expect({ code, stderr }).toEqual({ code: 8, stderr: "" });
  expect(lines.map(({ to, state, code, line }) => [to, state ?? code, line])).toEqual([
    ...items.map(({ to }, index) => [to, "stored", index + 1]),
    ["dave", "queued", 21],
    ["zachary", "NAME_UNKNOWN", 22],
  ]);
  for (const reader of [listening, hearing]) {
    await reader.nextMessage("number 9");
    expect(textsOf(reader.seen)).toEqual(texts);
  }
  await alice.listen();
  const late = await away.listen();
  await late.nextMessage("later");
  const { code: again, lines: both } = await alice.run(["send", "bob,carol", "--json"], { stdin: "to both" });
  expect({ again, both: both.map(({ to, state }) => [to, state]) }).toEqual({
    again: 0,
    both: [
      ["bob", "stored"],
      ["carol", "stored"],
    ],
  });
  await listening.nextMessage("to both");
  expect((await bob.run(["history", "alice", "--json"])).lines).toHaveLength(11);
});

test("a batch with ids that was killed in the middle can be sent again: each message is there once", async () => {
  const { alice, bob, listening } = await aliceAndBob();
  await alice.send("bob", "first");
  // From here on she is no stranger, who may write only so much.
  await bob.send("alice", "go on", "--wait", "queued");
  const items = Array.from({ length: 40 }, (_, index) => ({ to: "bob", text: `number ${index}`, id: `id ${index}` }));
  const file = batchOf(alice, items);
  const killed = alice.start(["send", "--batch", file, "--json"]);
  await expect.poll(() => alice.countRows("outbox")).toBeGreaterThan(3);
  await killed.kill9();
  const { code, lines } = await alice.run(["send", "--batch", file, "--json", "--timeout", "60s"]);
  expect({ code, states: new Set(lines.map(({ state }) => state)) }).toEqual({ code: 0, states: new Set(["stored"]) });
  await listening.nextMessage("number 39");
  expect(textsOf(listening.seen)).toEqual(["first", ...items.map(({ text }) => text)]);
});
