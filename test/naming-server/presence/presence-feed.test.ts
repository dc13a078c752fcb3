import { once } from "node:events";
import { join } from "node:path";
import express, { type Response } from "express";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Entry } from "../../../naming-server/directory.ts";
import { PresenceFeed } from "../../../naming-server/presence/presence-feed.ts";
import { openSqliteStore } from "../../../naming-server/storage/sqlite-store.ts";
import type { Store } from "../../../naming-server/storage/store.ts";
import { ChatError } from "../../../shared/errors.ts";
import { NOW_MS, NOW_SECONDS, personOf, recordOf } from "../../support/people.ts";
import { startWatching } from "../../support/presence-watch.ts";
import { rowOf } from "../../support/record-row.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const alice = personOf("alice");
const TOKEN_SECONDS = 600;

const POLL_MS = 20;

/**
 * A feed that ticks fast, behind a server that takes everybody for Alice. `faults.store` fails what reads the store,
 * `faults.until` holds it up.
 */
async function start({ listEveryMs = 40 } = {}) {
  const inner = openSqliteStore(join(temporaryDirectory(), "naming.db"));
  await inner.createName(rowOf(await recordOf(alice)));
  const clock = { nowMs: NOW_MS };
  const faults: { store?: ChatError; until?: Promise<void> } = {};
  const asked = { count: 0 };
  const errors: object[] = [];
  const expireAddresses: Store["expireAddresses"] = async (at) => {
    asked.count += 1;
    await faults.until;
    if (faults.store !== undefined) throw faults.store;
    return inner.expireAddresses(at);
  };
  const store: Store = Object.assign(Object.create(inner), {
    expireAddresses,
    readPresence: inner.readPresence.bind(inner),
    listTransitions: inner.listTransitions.bind(inner),
  });
  const now = () => clock.nowMs;
  const listed = { devices: [alice.device] };
  const directory = { find: async (): Promise<Entry> => ({ ...listed, etag: "", body: "", validUntilMs: 0 }) };
  const feed = new PresenceFeed({
    store,
    directory,
    now,
    monotonic: () => performance.now(),
    logger: { error: (facts: object) => void errors.push(facts) },
    capacity: 100,
    timing: { pollMs: POLL_MS, listEveryMs, phases: 4 },
  });
  const app = express().use((_req, res: Response) => {
    const caller = { ...alice, expires: NOW_SECONDS + TOKEN_SECONDS };
    feed.watch(res, caller, undefined).catch(({ code }: ChatError) => void res.writeHead(503).end(code));
  });
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    await feed.stop();
    server.closeAllConnections();
    await inner.close();
  });
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  return { store: inner, listed, clock, faults, asked, errors, feed, watch: () => startWatching({ url }, "") };
}

describe("a feed of presence", () => {
  test("repeats the whole list", async () => {
    const { watch } = await start();
    const { next } = await watch();
    for (let count = 0; count < 3; count += 1)
      expect(await next()).toMatchObject({ event: "list", data: { online: [] } });
  });

  test("ends once the token has", async () => {
    const { watch, clock, feed } = await start();
    const watching = await watch();
    await watching.next();
    clock.nowMs += TOKEN_SECONDS * 1000;
    expect((await watching.rest()).at(-1)).toMatchObject({ event: "end", data: { reason: "token" } });
    expect(feed.watchers).toBe(0);
  });

  test("ends for a device that its name no longer lists", async () => {
    const { watch, listed, feed } = await start();
    const watching = await watch();
    await watching.next();
    listed.devices = [];
    expect((await watching.rest()).at(-1)).toMatchObject({ event: "end", data: { reason: "device" } });
    expect(feed.watchers).toBe(0);
  });

  test("tells no list that may be wrong while the store cannot be read, but stays, and goes on afterwards", async () => {
    const { watch, store, faults, errors } = await start();
    const watching = await watch();
    await watching.next();
    faults.store = new ChatError("STORAGE", "no disk");
    const { username: name, device } = alice;
    await store.putAddress({ name, device, seq: 1, expires: NOW_SECONDS + 60, record: "here", at: NOW_SECONDS });
    const seen = watching.nextOf("changes");
    await expect.poll(() => watching.text().endsWith("\n\n:\n\n")).toBe(true);
    delete faults.store;
    expect(await seen).toMatchObject({ data: { changes: [{ name, device, online: true }] } });
    expect(errors).toEqual([{ code: "STORAGE" }]);
  });

  test("asks a store that hung for a while once, and not for each time that it could not", async () => {
    const { watch, faults, asked } = await start();
    const { next } = await watch();
    await next();
    const { promise, resolve } = Promise.withResolvers<void>();
    faults.until = promise;
    for (let count = 0; count < 20; count += 1) await next();
    const releasedAtMs = performance.now();
    asked.count = 0;
    resolve();
    await next();
    expect(asked.count).toBeLessThanOrEqual((performance.now() - releasedAtMs) / POLL_MS + 2);
  });

  test("refuses while the store cannot be read for a first time, and begins once it can", async () => {
    const { watch, faults, feed } = await start();
    faults.store = new ChatError("STORAGE", "no disk");
    expect((await watch()).status).toBe(503);
    expect(feed.watchers).toBe(0);
    delete faults.store;
    expect(await (await watch()).next()).toMatchObject({ event: "list" });
  });

  test("says farewell when it stops, and takes nobody afterwards", async () => {
    const { watch, feed } = await start({ listEveryMs: 60_000 });
    const watching = await watch();
    await feed.stop();
    expect(await watching.rest()).toMatchObject([{ event: "list" }, { event: "end", data: { reason: "stopping" } }]);
    expect((await watch()).status).toBe(503);
  });
});
