import { describe, expect, test } from "vitest";
import { PresenceBoard } from "../../../../peer/messaging/feed/presence-board.ts";
import type { PresenceUpdate } from "../../../../peer/messaging/ports/naming-server.ts";
import { ChatError } from "../../../../shared/errors.ts";
import { expectError } from "../../../support/expect-error.ts";
import { type Person, personOf } from "../../../support/people.ts";

const [alice, bob, carol] = [personOf("alice"), personOf("bob"), personOf("carol")];

/** A board over a server that says what it is told to; `tell` resolves once it was heard. */
function start() {
  const watches: { signal: AbortSignal; tell(update: PresenceUpdate): Promise<void>; fail(error: Error): void }[] = [];
  const board = new PresenceBoard({
    isContact: (username) => username === bob.username,
    naming: {
      async *watchPresence(signal) {
        const said: PresenceUpdate[] = [];
        let wake = Promise.withResolvers<void>();
        signal.addEventListener("abort", () => wake.resolve());
        watches.push({
          signal,
          async tell(update) {
            said.push(update);
            wake.resolve();
            await new Promise((resolve) => setImmediate(resolve));
          },
          fail: (error) => wake.reject(error),
        });
        while (!signal.aborted) {
          await wake.promise;
          wake = Promise.withResolvers();
          yield* said.splice(0);
        }
      },
    },
  });
  const server = () => {
    const last = watches.at(-1);
    if (last === undefined) throw new Error("nobody watches");
    return last;
  };
  const read = () => {
    const stop = new AbortController();
    const events = board.events(stop.signal)[Symbol.asyncIterator]();
    return { next: async () => wordOf((await events.next()).value), events, stop };
  };
  return { board, watches, server, read };
}

const listOf = (...people: Person[]): PresenceUpdate => ({
  type: "list",
  online: people.map(({ username, device }) => ({ username, devices: [device] })),
});
const changeOf = ({ username, device }: Person, online: boolean): PresenceUpdate => ({
  type: "changes",
  changes: [{ username, device, online }],
});

type Told = { type: string; username?: string; online?: boolean; initial?: boolean; code?: string } | undefined;
function wordOf(told: Told): string {
  if (told === undefined) return "end";
  if (told.type === "lost") return `lost ${told.code}`;
  return `${told.online ? "+" : "-"}${told.username}${told.initial ? " initially" : ""}`;
}

describe("a board of presence", () => {
  test("tells who is online, then who comes and goes", async () => {
    const { server, read } = start();
    const { events, next } = read();
    const first = events.next();
    await server().tell(listOf(bob));
    expect((await first).value).toEqual({
      type: "presence",
      username: "bob",
      devices: [bob.device],
      contact: true,
      online: true,
      initial: true,
    });
    await server().tell(changeOf(alice, true));
    await server().tell(changeOf(bob, false));
    expect([await next(), await next()]).toEqual(["+alice", "-bob"]);
  });

  test("tells of people, not of their devices", async () => {
    const { server, read } = start();
    const { next } = read();
    const first = next();
    await server().tell(listOf(bob));
    await first;
    const second = personOf("bob", { device: "second" });
    await server().tell(changeOf(second, true));
    await server().tell(changeOf(bob, false));
    await server().tell(changeOf(carol, true));
    expect(await next()).toBe("+carol");
    await server().tell(changeOf(second, false));
    expect(await next()).toBe("-bob");
  });

  test("finds what a lost server missed to tell", async () => {
    const { server, read } = start();
    const { next } = read();
    const first = next();
    await server().tell(listOf(alice, bob));
    expect([await first, await next()]).toEqual(["+alice initially", "+bob initially"]);
    await server().tell({ type: "lost", error: new ChatError("SERVER_UNREACHABLE", "gone") });
    expect(await next()).toBe("lost SERVER_UNREACHABLE");
    await server().tell(listOf(bob, carol));
    expect([await next(), await next()]).toEqual(["-alice", "+carol"]);
  });

  test("watches once for all, and only while somebody reads", async () => {
    const { server, watches, read } = start();
    const [one, two] = [read(), read()];
    const firsts = [one.next(), two.next()];
    await server().tell(listOf(bob));
    expect(await Promise.all(firsts)).toEqual(["+bob initially", "+bob initially"]);
    const three = read();
    expect(await three.next()).toBe("+bob initially");
    expect(watches).toHaveLength(1);
    for (const { stop, next } of [one, two, three]) {
      expect(watches[0]?.signal.aborted).toBe(false);
      const end = next();
      stop.abort();
      expect(await end).toBe("end");
    }
    expect(watches[0]?.signal.aborted).toBe(true);
    const again = read();
    const first = again.next();
    await server().tell(listOf());
    await server().tell(changeOf(alice, true));
    expect([await first, watches.length]).toEqual(["+alice", 2]);
  });

  test("ends with the error that ends the watching, and can be read again", async () => {
    const { server, read } = start();
    const { events } = read();
    const first = events.next();
    server().fail(new ChatError("NOT_FOUND", "no such path"));
    await expectError(first, "NOT_FOUND");
    const again = read();
    const found = again.next();
    await server().tell(listOf(bob));
    expect(await found).toBe("+bob initially");
  });
});
