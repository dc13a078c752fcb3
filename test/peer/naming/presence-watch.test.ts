import type { ServerResponse } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Timers } from "../../../peer/naming/presence-watch.ts";
import { expectError } from "../../support/expect-error.ts";
import { FakeTime } from "../../support/fake-time.ts";
import { startNamingClient } from "../../support/naming-client.ts";
import { personOf } from "../../support/people.ts";
import { json, problem, type ScriptedAnswer } from "../../support/scripted-server.ts";

const bob = personOf("bob");
const LIST = event("list", { online: [{ name: "bob", devices: [bob.device] }] }, 1);
const UPDATE = { type: "list", online: [{ username: "bob", devices: [bob.device] }] };

function event(name: string, data: unknown, id: number): string {
  return `event: ${name}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** A stream that says this and ends. */
const saying =
  (...texts: string[]) =>
  (response: ServerResponse) =>
    void response.writeHead(200, { "content-type": "text/event-stream" }).end(texts.join(""));

/** The same, but it stays open. */
const staying =
  (...texts: string[]) =>
  (response: ServerResponse) =>
    void response.writeHead(200, { "content-type": "text/event-stream" }).write(texts.join("") || ":\n\n");

/** A watch of a server that answers the streams in turn with `answers`; pauses last until `advance`. */
async function start(...answers: readonly ScriptedAnswer[]) {
  const time = new FakeTime();
  const runtime = time.runtime("watch");
  const pauses: number[] = [];
  const timers: Timers = {
    monotonic: runtime.monotonic,
    random: () => 0.5,
    after(ms, run) {
      if (ms < 30_000) pauses.push(ms);
      return runtime.after(ms, run);
    },
  };
  let asked = 0;
  const it = await startNamingClient(() => answers[asked++] ?? "hang", { timers });
  onTestFinished(() => it[Symbol.asyncDispose]());
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const updates = it.client.watchPresence(stop.signal)[Symbol.asyncIterator]();
  const streams = () => it.seen().map(({ headers }) => headers["last-event-id"]);
  return { ...it, time, pauses, stop, updates, streams };
}

/** Waits for the watch to pause, and lets the pause pass. */
async function passPause({ time, pauses }: { time: FakeTime; pauses: number[] }, count: number): Promise<void> {
  await expect.poll(() => pauses.length).toBe(count);
  time.step(60_000);
}

describe("a watch of presence", () => {
  test("tells of the list, then of changes", async () => {
    const { updates } = await start(
      staying(
        "retry: 2000\n\n",
        LIST,
        event("changes", { changes: [{ name: "bob", device: bob.device, online: false }] }, 2),
      ),
    );
    expect((await updates.next()).value).toEqual(UPDATE);
    expect((await updates.next()).value).toEqual({
      type: "changes",
      changes: [{ username: "bob", device: bob.device, online: false }],
    });
  });

  test("goes on behind the last event once a stream has ended in peace, after the pause that the server asked for", async () => {
    const it = await start(saying("retry: 4000\n\n", LIST), staying(LIST));
    await it.updates.next();
    const second = it.updates.next();
    await passPause(it, 1);
    expect((await second).value).toEqual(UPDATE);
    expect(it.streams()).toEqual([undefined, "1"]);
    expect(it.pauses).toEqual([2000]);
  });

  test("says that the server is lost, and pauses ever longer", async () => {
    const it = await start("reset", problem(503, "SERVER_BUSY"), json({}, 500), staying(LIST));
    const codes: unknown[] = [];
    for (let count = 0; count < 3; count += 1) {
      const update = it.updates.next();
      if (count > 0) await passPause(it, count);
      const { value } = await update;
      codes.push(value?.type === "lost" && value.error.code);
    }
    const found = it.updates.next();
    await passPause(it, 3);
    expect((await found).value).toEqual(UPDATE);
    expect(codes).toEqual(["SERVER_UNREACHABLE", "SERVER_BUSY", "SERVER_ERROR"]);
    expect(it.pauses).toEqual([1500, 3000, 6000]);
  });

  test.each([
    ["an event that is no JSON", "event: list\nid: 9\ndata: {\n\n"],
    ["a list of other things", event("list", { online: [{ name: "BOB!", devices: [] }] }, 9)],
    ["an event without end", `data: ${"x".repeat(5 * 1024 * 1024)}`],
  ])("takes %s for a fault of the server, and asks for the whole list again", async (_what, text) => {
    const it = await start(staying(LIST, text), staying(LIST));
    await it.updates.next();
    expect((await it.updates.next()).value).toMatchObject({ type: "lost", error: { code: "SERVER_ERROR" } });
    const again = it.updates.next();
    await passPause(it, 1);
    expect((await again).value).toEqual(UPDATE);
    expect(it.streams()).toEqual([undefined, undefined]);
  });

  test("passes over events that it does not know", async () => {
    const { updates } = await start(staying(event("weather", { rain: true }, 1), LIST));
    expect((await updates.next()).value).toEqual(UPDATE);
  });

  test("gives a silent server up after half a minute", async () => {
    const it = await start(staying(LIST), staying(LIST));
    await it.updates.next();
    const lost = it.updates.next();
    await expect.poll(() => it.time.timers).toBe(1);
    expect(it.time.step(30_000)).toEqual({ passedMs: 30_000, ran: true });
    expect((await lost).value).toMatchObject({
      type: "lost",
      error: { code: "SERVER_UNREACHABLE", reason: "timeout" },
    });
  });

  test("waits at least as long as a server that limits it says", async () => {
    const limited = { ...problem(429, "RATE_LIMITED"), headers: { "retry-after": "7" } };
    const it = await start(limited, staying(LIST));
    expect((await it.updates.next()).value).toMatchObject({ type: "lost", error: { code: "RATE_LIMITED" } });
    const again = it.updates.next();
    await passPause(it, 1);
    await again;
    expect(it.pauses).toEqual([7000 + 1500]);
  });

  test("gets a new token where the old one is no longer taken", async () => {
    const { updates, server } = await start(problem(401, "TOKEN_INVALID"), staying(LIST));
    expect((await updates.next()).value).toEqual(UPDATE);
    expect(server.requests.filter(({ path }) => path === "/v1/token")).toHaveLength(2);
  });

  test("fails where trying again would be in vain", async () => {
    const { updates } = await start(problem(404, "NOT_FOUND"));
    await expectError(updates.next(), "NOT_FOUND");
  });

  test("ends in peace, and with its connection, when it is stopped", async () => {
    const closed = Promise.withResolvers<void>();
    const { updates, stop } = await start((response) => {
      response.once("close", closed.resolve);
      staying(LIST)(response);
    });
    await updates.next();
    const end = updates.next();
    stop.abort();
    expect(await end).toEqual({ done: true, value: undefined });
    await closed.promise;
  });
});
