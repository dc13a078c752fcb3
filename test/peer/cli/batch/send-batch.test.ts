import { describe, expect, test } from "vitest";
import type { BatchItem } from "../../../../peer/cli/batch/batch-file.ts";
import { sendBatch } from "../../../../peer/cli/batch/send-batch.ts";
import type { SendParams, SendResult } from "../../../../peer/messaging/operations/messages.ts";
import { ChatError } from "../../../../shared/errors.ts";
import { expectError } from "../../../support/expect-error.ts";

const never = new AbortController().signal;
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

function result(to: string, text: string, state: SendResult["state"]): SendResult {
  return { id: `${to} ${text}`, to, state, devices: [] };
}

/** An outbox that notes what is asked of it; what each answers is the test's to say. */
function outbox(refused: Readonly<Record<string, ChatError>> = {}) {
  const log: string[] = [];
  const waits: { id: string; timeoutMs: number; end: (state: SendResult["state"]) => void }[] = [];
  const operations = {
    send: async ({ to, text, wait }: SendParams) => {
      log.push(`accept ${to} ${text} ${wait}`);
      await settle();
      const error = refused[to];
      if (error !== undefined) throw error;
      return result(to, text, "queued");
    },
    outboxWait: ({ id, timeoutMs }: { id: string; timeoutMs: number }) => {
      log.push(`wait ${id}`);
      const [to = "", text = ""] = id.split(" ");
      return new Promise<SendResult>((resolve) => {
        waits.push({ id, timeoutMs, end: (state) => resolve(result(to, text, state)) });
      });
    },
  };
  return { operations, log, waits };
}

const items: readonly BatchItem[] = [
  { to: "bob", text: "1" },
  { to: "carol", text: "2" },
  { to: "bob", text: "3" },
];

describe("a batch", () => {
  test("is in the outbox, in order for each person, before anything is waited for; results come in its order", async () => {
    const { operations, log, waits } = outbox();
    const outcomes = sendBatch(operations, items, { wait: "stored", timeoutMs: 5000, signal: never });
    const first = outcomes.next();
    while (waits.length < 3) await settle();
    expect(log.slice(0, 3).toSorted()).toEqual(["accept bob 1 queued", "accept bob 3 queued", "accept carol 2 queued"]);
    expect(log.indexOf("accept bob 1 queued")).toBeLessThan(log.indexOf("accept bob 3 queued"));
    expect(log.slice(3)).toEqual(["wait bob 1", "wait carol 2", "wait bob 3"]);
    for (const { timeoutMs } of waits) expect(timeoutMs).toBeLessThanOrEqual(5000);
    waits[2]?.end("stored");
    waits[1]?.end("queued");
    waits[0]?.end("stored");
    const rest = await Array.fromAsync(outcomes);
    expect([(await first).value, ...rest]).toEqual([
      { item: items[0], came: result("bob", "1", "stored") },
      { item: items[1], came: result("carol", "2", "queued") },
      { item: items[2], came: result("bob", "3", "stored") },
    ]);
  });

  test("keeps the order of one person's messages, however they are called", async () => {
    const { operations, log } = outbox();
    const names = ["bob", "Bob@names.example.org", "BOB", "bob@names.example.org"];
    const called = names.map((to, index) => ({ to, text: String(index) }));
    const outcomes = sendBatch(operations, called, { wait: "queued", timeoutMs: 5000, signal: never });
    const first = outcomes.next();
    for (let done = 1; done <= names.length; done += 1) {
      expect(log).toHaveLength(done);
      await settle();
    }
    await first;
    expect(await Array.fromAsync(outcomes)).toHaveLength(3);
  });

  test("goes on behind a message that is refused", async () => {
    const { operations, log } = outbox({ carol: new ChatError("NAME_UNKNOWN", "nobody") });
    const outcomes = await Array.fromAsync(
      sendBatch(operations, items, { wait: "queued", timeoutMs: 5000, signal: never }),
    );
    expect(outcomes.map(({ came }) => (came instanceof ChatError ? came.code : came.state))).toEqual([
      "queued",
      "NAME_UNKNOWN",
      "queued",
    ]);
    expect(log.filter((entry) => entry.startsWith("wait"))).toEqual([]);
  });

  test("ends with an interruption, and begins nothing more", async () => {
    const { operations, log } = outbox();
    const interrupted = new AbortController();
    interrupted.abort(new ChatError("INTERRUPTED", "interrupted"));
    const outcomes = sendBatch(operations, items, { wait: "stored", timeoutMs: 5000, signal: interrupted.signal });
    await expectError(outcomes.next(), "INTERRUPTED");
    expect(log).toEqual([]);
  });

  test("of many waits for some at a time, and in the end for all", async () => {
    const many = Array.from({ length: 50 }, (_, index) => ({ to: `person-${index}`, text: "hi" }));
    const { operations, waits } = outbox();
    const outcomes = Array.fromAsync(sendBatch(operations, many, { wait: "stored", timeoutMs: 5000, signal: never }));
    let ended = 0;
    while (ended < many.length) {
      await settle();
      expect(waits.length - ended).toBeLessThanOrEqual(8);
      for (; ended < waits.length; ended += 1) waits[ended]?.end("stored");
    }
    expect((await outcomes).map(({ item }) => item)).toEqual(many);
  });
});
