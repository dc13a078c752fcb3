import { describe, expect, onTestFinished, test } from "vitest";
import { type ControlClient, connectToDaemon } from "../../../peer/daemon/control-client.ts";
import type { Ahead, ChatEvent, Feed } from "../../../peer/messaging/operations/feed.ts";
import { ChatError } from "../../../shared/errors.ts";
import { startTestServer } from "../../support/control-socket.ts";
import { expectError } from "../../support/expect-error.ts";
import { ALICE, fakeFeed, MESSAGE } from "../../support/fake-operations.ts";

const never = new AbortController().signal;

async function clientOf(path: string, signal = never): Promise<ControlClient> {
  const client = await connectToDaemon({ paths: [path], peerId: ALICE.peerId, timeoutMs: 5000, signal });
  if (client === undefined) throw new Error("no daemon answers");
  onTestFinished(() => client.close());
  return client;
}

const message = (cursor: number): ChatEvent => ({ type: "message", ...MESSAGE, cursor });

/** A feed without end whose events are counted as they are taken. */
function endlessFeed(): Feed & { taken: number; closed: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const feed = {
    ...fakeFeed(),
    taken: 0,
    closed: promise,
    consume: async () => ({
      events: async function* () {
        for (;;) yield message(++feed.taken);
      },
      acknowledge: () => undefined,
      close: () => resolve(),
    }),
  };
  return feed;
}

describe("a consumer in another process", () => {
  test("gets events one by one, and its acknowledgements arrive", async () => {
    const feed = fakeFeed([message(1), { type: "presence", username: "bob", online: true }, message(2)]);
    const { path } = await startTestServer({ feed });
    const client = await clientOf(path);
    const consumer = await client.consume({ consumer: "bot", since: "now" });
    const stop = new AbortController();
    const seen: ChatEvent[] = [];
    for await (const event of consumer.events(stop.signal)) {
      seen.push(event);
      if (!("cursor" in event)) continue;
      await consumer.acknowledge(event.cursor);
      if (event.cursor === 2) stop.abort();
    }
    expect(seen).toEqual([message(1), { type: "presence", username: "bob", online: true }, message(2)]);
    expect(feed.asked).toEqual([{ consumer: "bot", since: "now" }]);
    expect(feed.cursors).toEqual([1, 2]);
  });

  test("is told what was kept with its place, and has it kept", async () => {
    const ahead: Ahead = { done: [[5, 9]], failed: [{ cursor: 4, gap: true, failures: 3 }] };
    const acknowledged: unknown[] = [];
    const feed: Feed = {
      ...fakeFeed(),
      consume: async (options) => ({
        ...(await fakeFeed().consume(options)),
        ahead,
        acknowledge: (...said) => void acknowledged.push(said),
      }),
    };
    const { path } = await startTestServer({ feed });
    const consumer = await (await clientOf(path)).consume({ consumer: "bot" });
    expect(consumer.ahead).toEqual(ahead);
    await consumer.acknowledge(3, ahead);
    await consumer.acknowledge(4);
    expect(acknowledged).toEqual([
      [3, ahead],
      [4, undefined],
    ]);
    const run = [1, 2] as const;
    for (const wrong of [{ done: Array(1025).fill(run), failed: [] }, { done: [[1]], failed: [] }, { done: [] }]) {
      await expectError(async () => consumer.acknowledge(5, wrong as Ahead), "REQUEST_INVALID", "params");
    }
    expect(acknowledged).toHaveLength(2);
  });

  test("is sent no more than it asks for", async () => {
    const feed = endlessFeed();
    const { path } = await startTestServer({ feed });
    const client = await clientOf(path);
    const consumer = await client.consume({ consumer: "bot" });
    const events = consumer.events(never)[Symbol.asyncIterator]();
    await events.next();
    await events.next();
    await client.operations.whoami();
    expect(feed.taken).toBe(2);
  });

  test("frees its name when it goes", async () => {
    const feed = endlessFeed();
    const { path } = await startTestServer({ feed });
    const client = await clientOf(path);
    await client.consume({ consumer: "bot" });
    client.close();
    await feed.closed;
  });

  test("may acknowledge what it has done after an interruption", async () => {
    const feed = fakeFeed([message(1)]);
    const { path } = await startTestServer({ feed });
    const interrupted = new AbortController();
    const client = await clientOf(path, interrupted.signal);
    const consumer = await client.consume({ consumer: "bot" });
    const events = consumer.events(interrupted.signal)[Symbol.asyncIterator]();
    await events.next();
    const next = events.next();
    interrupted.abort(new ChatError("INTERRUPTED", "interrupted"));
    expect(await next).toEqual({ done: true, value: undefined });
    await consumer.acknowledge(1);
    expect(feed.cursors).toEqual([1]);
  });

  test("is refused under a name that is being read, and may try another", async () => {
    const consume: Feed["consume"] = (options) =>
      options.consumer === "taken"
        ? Promise.reject(new ChatError("PROFILE_BUSY", "somebody reads", { reason: "consumer" }))
        : fakeFeed().consume(options);
    const { path } = await startTestServer({ feed: { ...fakeFeed(), consume } });
    const client = await clientOf(path);
    await expectError(client.consume({ consumer: "taken" }), "PROFILE_BUSY", "consumer");
    await client.consume({ consumer: "free" });
    await expectError(client.consume({ consumer: "another" }), "REQUEST_INVALID", "subscribed");
  });

  test.each(["", "a/b", "token/0011223344556677", "-a", "a b", "a".repeat(65), "b\u{1F916}"])(
    "is not called %j",
    async (consumer) => {
      const feed = fakeFeed();
      const { path } = await startTestServer({ feed });
      const client = await clientOf(path);
      await expectError(client.consume({ consumer }), "REQUEST_INVALID", "params");
      expect(feed.asked).toEqual([]);
      await client.consume({ consumer: "a.B_c-9" });
    },
  );

  test("learns that the daemon has ended", async () => {
    const server = await startTestServer();
    const client = await clientOf(server.path);
    const consumer = await client.consume({ consumer: "bot" });
    const next = expectError(consumer.events(never)[Symbol.asyncIterator]().next(), "PEER_UNREACHABLE", "daemon");
    await server.stop();
    await next;
  });
});
