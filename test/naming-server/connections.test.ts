import { join } from "node:path";
import { describe, expect, test } from "vitest";
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
  test("are cut off: first those who do not finish their headers, then their body", { timeout: 60_000 }, async () => {
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

  test("in any number leave room for an honest one", { timeout: 60_000 }, async () => {
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
