import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import { SERVER_LIMITS } from "../../../naming-server/limits.ts";
import { Watchers } from "../../../naming-server/presence/watchers.ts";
import { expectError } from "../../support/expect-error.ts";
import { NOW_SECONDS, personOf } from "../../support/people.ts";
import { openSocket, readToEnd } from "../../support/raw-http.ts";

const PHASES = 3;

/** A server that begins an answer to each request but `/held`; `open` asks it and hands out both ends. */
async function start(capacity = 100) {
  const server = createServer(({ url }, res) => {
    if (url === "/held") return;
    res.useChunkedEncodingByDefault = false;
    res.writeHead(200, { connection: "close" }).flushHeaders();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.closeAllConnections());
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  const watchers = new Watchers({ capacity, phases: PHASES });
  async function open(path = "/") {
    const asked = once(server, "request");
    const socket = await openSocket({ url });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const [, res] = (await asked) as [unknown, ServerResponse];
    return { socket, res };
  }
  const callerOf = (name: string) => ({ ...personOf(name), expires: NOW_SECONDS });
  async function watch(name: string) {
    const { socket, res } = await open();
    watchers.admit(res, callerOf(name));
    return { socket, res };
  }
  return { server, watchers, open, watch, callerOf };
}

describe("watchers", () => {
  test("are spread over the phases", async () => {
    const { watchers, watch } = await start();
    for (const name of ["alice", "bob", "carol", "dave"]) await watch(name);
    expect([0, 1, 2].map((phase) => watchers.inPhase(phase).length)).toEqual([2, 1, 1]);
    expect(watchers.inPhase(PHASES)).toEqual(watchers.inPhase(0));
  });

  test("all get what is broadcast, and no longer count once they are gone", async () => {
    const { watchers, watch } = await start();
    const { socket, res } = await watch("alice");
    const other = await watch("bob");
    await watchers.broadcast(Buffer.from("news"));
    const closed = once(res, "close");
    socket.destroy();
    await closed;
    expect(watchers.size).toBe(1);
    watchers.endAll("stopping");
    expect(await readToEnd(other.socket)).toMatch(/news.*"stopping"/s);
    expect(watchers.size).toBe(0);
  });

  test("whose connection is still busy with an earlier request miss nothing", async () => {
    const { watchers, open, callerOf, server } = await start();
    const { socket, res: earlier } = await open("/held");
    const asked = once(server, "request");
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    const [, res] = (await asked) as [unknown, ServerResponse];
    watchers.admit(res, callerOf("alice"));
    await watchers.broadcast(Buffer.from("news"));
    earlier.end();
    watchers.endAll("stopping");
    expect(await readToEnd(socket)).toMatch(/HTTP.*HTTP.*news.*"stopping"/s);
  });

  test("who do not read are cut off, and hold up nobody else", async () => {
    const { watchers, watch } = await start();
    const { socket, res } = await watch("alice");
    socket.pause();
    const other = await watch("bob");
    const text = readToEnd(other.socket);
    const cut = once(res, "close");
    // More than both ends' socket buffers take.
    const bytes = Buffer.alloc(SERVER_LIMITS.watcherMaxBacklogBytes);
    let count = 0;
    while (!res.destroyed) {
      await watchers.broadcast(bytes);
      count += 1;
      expect(res.writableLength).toBeLessThanOrEqual(2 * bytes.length);
      const { socket: stream } = other.res;
      if (stream?.writableNeedDrain) await once(stream, "drain");
    }
    await cut;
    expect(watchers.size).toBe(1);
    watchers.endAll("stopping");
    expect((await text).length).toBeGreaterThan(count * bytes.length);
  });

  test("of one device beyond the bound take the place of its oldest", async () => {
    const { watchers, watch } = await start();
    const { socket } = await watch("alice");
    for (let count = 1; count < SERVER_LIMITS.watchersPerDevice; count += 1) await watch("alice");
    await watch("bob");
    expect(watchers.size).toBe(SERVER_LIMITS.watchersPerDevice + 1);
    await watch("alice");
    expect(watchers.size).toBe(SERVER_LIMITS.watchersPerDevice + 1);
    expect(await readToEnd(socket)).toContain('{"reason":"replaced"}');
  });

  test("beyond all room are refused, and leave the others as they are", async () => {
    const { watchers, watch, open, callerOf } = await start(2);
    await watch("alice");
    await watch("bob");
    const { res } = await open();
    await expectError(async () => watchers.admit(res, callerOf("carol")), "SERVER_BUSY");
    expect(watchers.size).toBe(2);
  });
});
