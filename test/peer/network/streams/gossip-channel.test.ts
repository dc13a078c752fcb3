import { expect, test } from "vitest";
import { startTestNetwork } from "../../../support/networks.ts";

const soon = () => AbortSignal.timeout(5000);

test("a channel for gossip is apart from the one for messages, over the same connection", async () => {
  const gossips: string[] = [];
  await using bob = await startTestNetwork("bob", {
    onGossip: async (channel) => {
      for await (const frames of channel.receive()) {
        gossips.push(...frames.map((frame) => Buffer.from(frame).toString()));
        await channel.send([Buffer.from("theirs")]);
        await channel.close();
      }
    },
  });
  await using alice = await startTestNetwork("alice", { dialOnly: true });
  expect(await alice.network.openGossip(bob.device, soon())).toBeUndefined();
  const messages = await alice.network.connect(bob.device, [bob.address], soon());
  const channel = await alice.network.openGossip(bob.device, soon());
  if (channel === undefined) throw new Error("there is a connection");
  await channel.send([Buffer.from("ours")]);
  const answers: string[] = [];
  for await (const frames of channel.receive()) answers.push(...frames.map((frame) => Buffer.from(frame).toString()));
  expect([gossips, answers]).toEqual([["ours"], ["theirs"]]);
  expect(bob.network.connections().open).toBe(1);
  await messages.send([Buffer.from("a message")]);
  const lane = await bob.accept();
  const { value } = await lane.receive()[Symbol.asyncIterator]().next();
  expect(Buffer.from(value?.[0] ?? []).toString()).toBe("a message");
});

test("a word of somebody who writes has a channel of its own, over the connection that is there or not at all", async () => {
  const heard = Promise.withResolvers<string>();
  await using bob = await startTestNetwork("bob", {
    onTyping: async (channel) => {
      for await (const [frame] of channel.receive()) heard.resolve(Buffer.from(frame ?? []).toString());
      await channel.close();
    },
  });
  await using alice = await startTestNetwork("alice", { dialOnly: true });
  expect(await alice.network.openTyping(bob.device, soon())).toBeUndefined();
  await alice.network.connect(bob.device, [bob.address], soon());
  const channel = await alice.network.openTyping(bob.device, soon());
  await channel?.send([Buffer.from("a word")]);
  await channel?.close();
  expect(await heard.promise).toBe("a word");
  expect(bob.network.connections().open).toBe(1);
});
