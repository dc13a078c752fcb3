import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { SERVER_LIMITS } from "../../naming-server/limits.ts";
import { refuseMalformed } from "../../naming-server/malformed-requests.ts";
import { problemSchema } from "../../shared/api.ts";
import { startTestServer } from "../support/naming-server.ts";
import { exchange, openSocket, readToEnd } from "../support/raw-http.ts";

const HEAD = "PUT /v1/names/bob HTTP/1.1\r\nHost: x\r\nContent-Type: application/jose\r\n";
const LONG = "a".repeat(SERVER_LIMITS.headerMaxBytes);

function partsOf(text: string) {
  const [head = "", body = ""] = text.split("\r\n\r\n");
  return { head, problem: problemSchema.parse(JSON.parse(body)) };
}

describe("what never becomes a request of the interface is answered with problem details:", () => {
  test.each([
    ["an unknown method", "BREW /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 400, "REQUEST_INVALID"],
    ["no HTTP at all", "hello\r\n\r\n", 400, "REQUEST_INVALID"],
    ["no host", "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", 400, "REQUEST_INVALID"],
    ["two lengths", `${HEAD}Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n`, 400, "REQUEST_INVALID"],
    ["a wrong chunk", `${HEAD}Transfer-Encoding: chunked\r\n\r\nZZ\r\n`, 400, "REQUEST_INVALID"],
    ["long headers", `${HEAD}X-Long: ${LONG}\r\n\r\n`, 431, "REQUEST_INVALID"],
    ["a long path", `GET /healthz?${LONG} HTTP/1.1\r\nHost: x\r\n\r\n`, 431, "REQUEST_INVALID"],
    ["another expectation", `${HEAD}Connection: close\r\nExpect: magic\r\n\r\n`, 417, "REQUEST_INVALID"],
  ])("%s", async (_what, bytes, status, code) => {
    const answer = await exchange(await startTestServer(), bytes);
    const { head, problem } = partsOf(answer.text);
    expect(answer.status).toBe(status);
    expect(head).toMatch(/^content-type: application\/problem\+json$/m);
    expect(head).toMatch(/^x-content-type-options: nosniff$/m);
    expect(problem).toMatchObject({
      status,
      code,
      title: expect.stringMatching(/./),
      detail: expect.stringMatching(/./),
    });
  });

  test("a request that does not come", { timeout: 30_000 }, async () => {
    const socket = await openSocket(await startTestServer());
    socket.write(`${HEAD}X-Slow: `);
    expect(partsOf(await readToEnd(socket)).problem).toMatchObject({ status: 408, code: "TIMED_OUT" });
  });
});

test("an answer under way is broken off, not mixed with another", async () => {
  const server = createServer((_req, res) => void res.writeHead(200).write("halfway"));
  refuseMalformed(server);
  onTestFinished(() => void server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const socket = await openSocket({ url: `http://127.0.0.1:${port}` });
  const received = readToEnd(socket);
  socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`);
  await once(socket, "data");
  socket.write("ZZ\r\n");
  expect(await received).not.toContain("problem");
});
