import { dirname } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { ControlServer } from "../../../peer/daemon/control-server.ts";
import type { ChatEvent, Feed } from "../../../peer/messaging/operations/feed.ts";
import type { SendParams } from "../../../peer/messaging/operations/messages.ts";
import type { Chat } from "../../../peer/sdk/chat.ts";
import { connect } from "../../../peer/sdk.ts";
import { ChatError } from "../../../shared/errors.ts";
import { startTestServer } from "../../support/control-socket.ts";
import { expectError } from "../../support/expect-error.ts";
import { terminal } from "../../support/fake-daemon.ts";
import { fakeFeed, fakeOperations, fakePresence, MESSAGE } from "../../support/fake-operations.ts";

const message = (cursor: number): ChatEvent => ({ type: "message", ...MESSAGE, cursor });

/** A chat with a daemon that answers as the test says. */
async function chatWith(
  options: Parameters<typeof startTestServer>[0] = {},
): Promise<Chat & { server: ControlServer }> {
  const { home, profile } = terminal();
  const server = await startTestServer({ directory: profile, ...options });
  const chat = await connect({ home, profile: "default" });
  onTestFinished(() => chat.close());
  return { ...chat, server };
}

async function firstOf<T>(events: AsyncIterable<T>, count: number): Promise<T[]> {
  const seen: T[] = [];
  for await (const event of events) if (seen.push(event) === count) break;
  return seen;
}

describe("operations", () => {
  test("reach the daemon, with the patience of the commands unless another is asked for", async () => {
    const asked: SendParams[] = [];
    const plain = fakeOperations();
    const send = (params: SendParams) => {
      asked.push(params);
      return plain.send(params);
    };
    const chat = await chatWith({ operations: fakeOperations({ send }) });
    expect(await chat.send({ to: "bob", text: "hi" })).toMatchObject({ to: "bob", state: "stored" });
    await chat.send({ to: "bob", text: "hi", wait: "queued", timeoutMs: 1 });
    // As plain JavaScript does it.
    const vague = { wait: undefined, timeoutMs: undefined, id: undefined } as unknown as { id: string };
    await chat.send({ to: "bob", text: "hi", ...vague });
    expect(asked).toEqual([
      { to: "bob", text: "hi", wait: "stored", timeoutMs: 10_000 },
      { to: "bob", text: "hi", wait: "queued", timeoutMs: 1 },
      { to: "bob", text: "hi", wait: "stored", timeoutMs: 10_000 },
    ]);
    expect(await chat.whoami()).toEqual(await plain.whoami());
  });

  test("that are not well formed are refused with their code", async () => {
    const chat = await chatWith();
    await expectError(chat.history({ with: "" }), "REQUEST_INVALID", "params");
  });

  test("under way end with INTERRUPTED when the chat is closed, as do later ones", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const status = () => {
      resolve();
      return new Promise<never>(() => undefined);
    };
    const chat = await chatWith({ operations: fakeOperations({ status }) });
    const pending = expectError(chat.status(), "INTERRUPTED", "closed");
    await promise;
    await chat.close();
    await pending;
    await expectError(chat.whoami(), "INTERRUPTED", "closed");
    await chat.close();
  });
});

describe("events", () => {
  test("are acknowledged under a name once the next one is asked for", async () => {
    const feed = fakeFeed([message(1), message(2), message(3)]);
    const chat = await chatWith({ feed });
    const seen = await firstOf(chat.events({ consumer: "bot", since: "now", receipts: true }), 3);
    expect(seen).toEqual([message(1), message(2), message(3)]);
    expect(feed.cursors).toEqual([1, 2]);
    expect(feed.asked).toEqual([{ consumer: "bot", since: "now", receipts: true }]);
  });

  test("can be read several times at once, and end with their signal and with the chat", async () => {
    const chat = await chatWith({ feed: fakeFeed([message(1)]) });
    const stop = new AbortController();
    const [one, two] = [chat.events({ signal: stop.signal }), chat.events()];
    expect((await one.next()).value).toEqual(message(1));
    expect((await two.next()).value).toEqual(message(1));
    const ends = [one.next(), two.next()];
    stop.abort();
    expect(await ends[0]).toMatchObject({ done: true });
    await chat.close();
    expect(await ends[1]).toMatchObject({ done: true });
    await expectError(chat.events().next(), "INTERRUPTED", "closed");
  });

  test("wait under a name until its last reader has gone, and are refused where it stays", async () => {
    const feed = fakeFeed([message(1)]);
    let refusals = 2;
    const consume: Feed["consume"] = async (options) => {
      if (refusals-- > 0) throw new ChatError("PROFILE_BUSY", "held", { reason: "consumer" });
      return feed.consume(options);
    };
    const chat = await chatWith({ feed: { ...feed, consume } });
    expect(await firstOf(chat.events({ consumer: "bot" }), 1)).toEqual([message(1)]);
    refusals = Number.POSITIVE_INFINITY;
    await expectError(chat.events({ consumer: "bot" }).next(), "PROFILE_BUSY", "consumer");
  });

  test("fail where the daemon ends", async () => {
    const chat = await chatWith({ feed: fakeFeed([message(1)]) });
    const events = chat.events();
    await events.next();
    const next = expectError(events.next(), "PEER_UNREACHABLE", "daemon");
    await chat.server.stop();
    await next;
    await expectError(chat.events().next(), "PEER_UNREACHABLE", "daemon");
  });
});

test("presence tells who is online", async () => {
  const person = { username: "bob", devices: ["12D3KooWBob"], contact: true };
  const told = { type: "presence", online: true, initial: true, ...person } as const;
  const chat = await chatWith({ presence: fakePresence([told]) });
  expect(await firstOf(chat.presence(), 1)).toEqual([told]);
});

test("a profile without a daemon, and one that is not there, are told apart", async () => {
  const { home, profile } = terminal();
  await expectError(connect({ home, profile: "default" }), "PEER_UNREACHABLE", "daemon");
  await expectError(connect({ home: dirname(profile), profile: "other" }), "PROFILE_MISSING");
});
