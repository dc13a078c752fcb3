import { expect, test } from "vitest";
import { aliceAndBob } from "../support/p2pchat.ts";
import type { Line } from "../support/program.ts";

const textsOf = (lines: readonly Line[]) => lines.filter(({ type }) => type === "message").map(({ text }) => text);

test("sixteen sends at once share the connection of a daemon, and all arrive", async () => {
  const { alice, listening } = await aliceAndBob();
  const daemon = await alice.listen();
  const texts = Array.from({ length: 16 }, (_, index) => `parallel ${index}`);
  const answers = await Promise.all(texts.map((text) => alice.send("bob", text, "--timeout", "60s")));
  expect(answers.map(({ exit }) => exit)).toEqual(texts.map(() => 0));
  await Promise.all(texts.map((text) => listening.nextMessage(text)));
  expect(textsOf(listening.seen).toSorted()).toEqual(texts.toSorted());
  expect((await alice.ask(["status"])).line).toMatchObject({ daemon: { pid: daemon.pid }, connections: 1 });
});

test("sends at once without a daemon take turns, and none is lost", async () => {
  const { alice, listening } = await aliceAndBob();
  await alice.send("bob", "first");
  const texts = Array.from({ length: 6 }, (_, index) => `racing ${index}`);
  const answers = await Promise.all(texts.map((text) => alice.send("bob", text, "--timeout", "3s")));
  for (const { exit, line } of answers) expect([exit, line.state]).toEqual(exit === 0 ? [0, "stored"] : [7, "queued"]);
  await alice.send("bob", "last", "--timeout", "60s");
  await listening.nextMessage("last");
  expect(textsOf(listening.seen).toSorted()).toEqual(["first", "last", ...texts].toSorted());
});

test("a send while another one holds the profile is queued beside it, and goes out with the next", async () => {
  const { alice, bob, listening } = await aliceAndBob();
  await alice.send("bob", "first");
  await listening.stop();
  const holder = alice.start(["send", "bob", "--json", "--timeout", "1h"], { stdin: "waiting" });
  await expect.poll(() => alice.countRows("outbox")).toBe(2);
  expect(await alice.send("bob", "beside", "--timeout", "100ms")).toMatchObject({ exit: 7, line: { state: "queued" } });
  const stranger = await alice.send("carol", "hi", "--timeout", "100ms");
  expect(stranger).toMatchObject({ exit: 1, line: { type: "error", code: "PROFILE_BUSY" } });
  holder.signal("SIGINT");
  expect(await holder.outcome()).toMatchObject({ code: 130 });
  const again = await bob.listen();
  await alice.send("bob", "last");
  await again.nextMessage("last");
  expect(textsOf(again.seen)).toEqual(["waiting", "beside", "last"]);
});

test("a daemon that starts or stops meanwhile loses nothing", async () => {
  const { alice, listening } = await aliceAndBob();
  await alice.send("bob", "first");
  const daemon = await alice.listen();
  const texts = Array.from({ length: 6 }, (_, index) => `handover ${index}`);
  const sending = texts.map((text) => alice.send("bob", text, "--timeout", "20s"));
  await listening.next(({ text }) => text?.startsWith("handover") === true);
  await daemon.stop();
  const answers = await Promise.all(sending);
  for (const { exit } of answers) expect([0, 3, 7]).toContain(exit);
  await alice.send("bob", "last", "--timeout", "60s");
  await listening.nextMessage("last");
  const arrived = textsOf(listening.seen);
  expect(new Set(arrived).size).toBe(arrived.length);
  answers.forEach(({ exit }, index) => {
    if (exit !== 3) expect(arrived).toContain(texts[index]);
  });
});
