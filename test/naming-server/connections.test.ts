import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { Connections } from "../../naming-server/connections.ts";
import { SERVER_LIMITS } from "../../naming-server/limits.ts";
import { call, startServerProcess, startTestServer } from "../support/naming-server.ts";
import { openSocket, readToEnd } from "../support/raw-http.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const SLOW = {
  silent: "",
  headers: "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ",
  body: "PUT /v1/names/bob HTTP/1.1\r\nHost: x\r\nContent-Type: application/jose\r\nContent-Length: 9\r\n\r\nab",
};

describe("slow clients", () => {
  test("are cut off: first those who do not finish their headers, then their body", async () => {
    const server = await startTestServer();
    const ended: string[] = [];
    const startedAt = performance.now();
    const cutOff = Object.entries(SLOW).map(async ([kind, bytes]) => {
      const socket = await openSocket(server);
      socket.write(bytes);
      expect(await readToEnd(socket)).toMatch(/^(HTTP\/1\.1 408 |$)/);
      ended.push(kind);
    });
    await Promise.all(cutOff);
    expect([ended.slice(0, 2).sort(), ended.slice(2)]).toEqual([["headers", "silent"], ["body"]]);
    expect(performance.now() - startedAt).toBeGreaterThan(SERVER_LIMITS.requestTimeoutMs - 1_000);
    expect((await call(server, "GET", "/healthz")).status).toBe(200);
  });

  test("in any number leave room for an honest one", async () => {
    const databasePath = join(temporaryDirectory(), "naming.db");
    const wrapper = ["sh", "-c", 'ulimit -n 256; exec "$0" "$@"'];
    const server = await startServerProcess({ databasePath, wrapper });
    const slow = await Promise.all(
      Array.from({ length: 400 }, async () => {
        const socket = await openSocket(server);
        socket.on("error", () => undefined);
        socket.write(SLOW.headers);
        return socket;
      }),
    );
    expect((await call(server, "GET", "/healthz")).status).toBe(200);
    expect((await call(server, "GET", "/readyz")).status).toBe(200);
    for (const socket of slow) socket.destroy();
    expect((await call(server, "GET", "/healthz")).status).toBe(200);
  });
});

describe("with little room", () => {
  /** More than both ends' socket buffers take. */
  const large = Buffer.alloc(64 * 1024 * 1024);

  async function start(listener: RequestListener, capacity = 1) {
    const server = createServer(listener);
    const connections = new Connections(server, capacity);
    server.listen(0);
    await once(server, "listening");
    onTestFinished(() => void server.closeAllConnections());
    const { port } = server.address() as AddressInfo;
    return { server, connections, port, url: `http://127.0.0.1:${port}` };
  }

  test("one who does not read the answer makes place for another", async () => {
    const { server, url } = await start((req, res) => res.end(req.url === "/large" ? large : "small"));
    const idler = (await openSocket({ url })).pause();
    idler.on("error", () => undefined);
    const answered = once(server, "request");
    idler.write("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    await answered;
    const other = await openSocket({ url });
    other.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect(await readToEnd(other)).toContain("small");
  });

  test("one whose answer is being made keeps its place", async () => {
    const { server, url } = await start(() => undefined);
    const waiting = await openSocket({ url });
    const asked = once(server, "request");
    waiting.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    const [, res] = await asked;
    expect(await readToEnd(await openSocket({ url }))).toBe("");
    res.end("made");
    await once(waiting, "data");
  });

  test("two connections from one port to two addresses of the server count as two", async () => {
    const { connections, port } = await start(() => undefined, 2);
    const dial = async (host: string, localPort: number) => {
      const socket = connect({ host, port, localAddress: "127.0.0.1", localPort });
      onTestFinished(() => void socket.destroy());
      await once(socket, "connect");
      return socket;
    };
    const first = await dial("127.0.0.1", 0);
    const second = await dial("127.0.0.2", first.localPort ?? 0);
    await dial("127.0.0.1", 0);
    await readToEnd(first);
    const ended = readToEnd(second);
    await connections.drain(1_000);
    await ended;
  });
});
