import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { SERVER_LIMITS } from "../../naming-server/limits.ts";
import { call, startServerProcess, startTestServer } from "../support/naming-server.ts";
import { openSocket, readToEnd } from "../support/raw-http.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

/** Timers may be late on a busy machine, but no connection may outlive this. */
const NEVER_LONGER_MS = 25_000;

describe("slow clients", () => {
  test.each([
    ["who say nothing", ""],
    ["who never finish their headers", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "],
    [
      "who never finish their body",
      "PUT /v1/names/bob HTTP/1.1\r\nHost: x\r\nContent-Type: application/jose\r\nContent-Length: 9\r\n\r\nab",
    ],
  ])("%s are cut off", { timeout: 60_000 }, async (_what, bytes) => {
    const server = await startTestServer();
    const socket = await openSocket(server);
    socket.write(bytes);
    const startedAt = performance.now();
    const text = await readToEnd(socket);
    const lastedMs = performance.now() - startedAt;
    expect(text).toMatch(/^(HTTP\/1\.1 408 |$)/);
    expect(lastedMs).toBeGreaterThan(SERVER_LIMITS.headersTimeoutMs - 1_000);
    expect(lastedMs).toBeLessThan(NEVER_LONGER_MS);
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
        socket.write("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ");
        return socket;
      }),
    );
    expect((await call(server, "GET", "/healthz")).status).toBe(200);
    expect((await call(server, "GET", "/readyz")).status).toBe(200);
    for (const socket of slow) socket.destroy();
    expect((await call(server, "GET", "/healthz")).status).toBe(200);
  });
});
