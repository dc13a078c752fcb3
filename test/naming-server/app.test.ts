import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { problemSchema } from "../../shared/api.ts";
import { JOSE_MEDIA_TYPE } from "../../shared/protocol.ts";
import { call, refusal, register, signIn, startTestServer } from "../support/naming-server.ts";
import { personOf } from "../support/people.ts";
import { exchange, openSocket, readToEnd } from "../support/raw-http.ts";

const bob = personOf("bob");

async function startSignedIn() {
  const server = await startTestServer();
  await register(server, bob);
  return { server, token: await signIn(server, bob) };
}

const get = (path: string, ...headers: string[]) =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers.map((header) => `${header}\r\n`).join("")}\r\n`;

describe("every answer", () => {
  test.each([
    ["GET", "/healthz", 200],
    ["GET", "/readyz", 200],
    ["GET", "/.well-known/jwks.json", 200],
    ["GET", "/v1/names/bob", 401],
    ["GET", "/nothing", 404],
    ["GET", "/v1/names/bob/", 404],
    ["GET", "/V1/names/bob", 404],
    ["PATCH", "/v1/names/bob", 405],
    ["OPTIONS", "/v1/names/bob", 405],
  ])("to %s %s names no software, allows no other origin and may not be sniffed", async (method, path, status) => {
    const server = await startTestServer();
    const headers = { origin: "https://evil.example", "access-control-request-method": "PUT" };
    const answer = await call(server, method, path, { headers });
    expect(answer.status).toBe(status);
    const names = [...answer.headers.keys()];
    expect(names.filter((name) => /^access-control-|^x-powered-by$|^server$/.test(name))).toEqual([]);
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(answer.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    if (status < 400) return;
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(problemSchema.parse(answer.json).status).toBe(status);
  });

  test.each([
    ["/v1/names/bob", "GET, HEAD, PUT"],
    ["/v1/token", "POST"],
    [`/v1/devices/${bob.device}/addresses`, "PUT, DELETE"],
    ["/healthz", "GET, HEAD"],
  ])("to a wrong method on %s says which are right", async (path, allow) => {
    const answer = await call(await startTestServer(), "PATCH", path);
    expect([refusal(answer), answer.headers.get("allow")]).toEqual([
      { status: 405, code: "METHOD_NOT_ALLOWED" },
      allow,
    ]);
  });
});

describe("a request that is not well formed", () => {
  test.each([
    ["two Host headers", get("/healthz", "Host: y"), 400],
    ["two Authorization headers", get("/v1/names/bob", "Authorization: Bearer a", "Authorization: Bearer b"), 400],
    ["no Host header", "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", 400],
    [
      "both lengths",
      "PUT /v1/names/bob HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
      400,
    ],
    ["two lengths", "PUT /v1/names/bob HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400],
    ["a folded header", get("/healthz", "X-Folded: a\r\n b"), 400],
    ["an unknown expectation", get("/healthz", "Expect: the-impossible"), 417],
    ["a path beyond the headers' limit", get(`/${"x".repeat(9000)}`), 431],
    ["thousands of headers", get("/healthz", ...Array.from({ length: 3000 }, () => "a:")), 431],
    ["a path of invalid UTF-8", get("/v1/names/%ff"), 400],
    ["a bare NUL", get("/v1/names/a\0b"), 400],
    ["headers beyond their limit", get("/healthz", `X-Long: ${"x".repeat(9000)}`), 431],
    ["no HTTP at all", "\x16\x03\x01\r\n\r\n", 400],
  ])("with %s is refused, and the next one answered", async (_what, bytes, status) => {
    const server = await startTestServer();
    const answer = await exchange(server, bytes);
    expect(answer.status).toBe(status);
    expect(answer.text).not.toMatch(/node|express| {4}at /i);
    expect((await call(server, "GET", "/healthz")).status).toBe(200);
  });

  test("does not disturb those before and after it on the same connection", async () => {
    const { server, token } = await startSignedIn();
    const look = `GET /v1/names/bob HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n`;
    const garbage =
      "PUT /v1/names/bob HTTP/1.1\r\nHost: x\r\nContent-Type: application/jose\r\nContent-Length: 3\r\n\r\nabc";
    const requests = [`${look}\r\n`, garbage, `${look}Content-Length: 5\r\n\r\nhello`, get("/healthz")];
    const { text } = await exchange(server, requests.join(""));
    expect(text.match(/HTTP\/1\.1 \d{3}/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 400", "HTTP/1.1 200", "HTTP/1.1 200"]);
  });

  test.each([
    "/v1/names/../names/bob",
    "//v1/names/bob",
    "/v1/names/bob;x",
    "/v1/names/bob%2fhistory",
    "/v1/names/%2e%2e/names/bob",
    "/v1/names/__proto__",
    "/v1/names/constructor",
    "/v1/names/bob%00",
  ])("with the path %s reaches no name", async (path) => {
    const { server, token } = await startSignedIn();
    const answer = await exchange(server, get(path, `Authorization: Bearer ${token}`));
    expect([400, 404]).toContain(answer.status);
    expect(answer.text).not.toContain('"record"');
  });

  test.each([
    ["PUT", "/v1/names/bob", "application/json"],
    ["PUT", "/v1/names/bob", undefined],
    ["PUT", `/v1/devices/${bob.device}/addresses`, "text/plain"],
    ["POST", `/v1/devices/${bob.device}/key-packages`, "text/plain"],
    ["POST", "/v1/token", "multipart/form-data"],
  ])("as %s %s of type %s is refused", async (method, path, type) => {
    const { server, token } = await startSignedIn();
    const body = Buffer.from('{"keyPackages":[]}');
    const answer = await call(server, method, path, { token, body, type });
    expect(refusal(answer)).toEqual({ status: 415, code: "MEDIA_TYPE" });
  });

  test("is refused when compressed, before anything is inflated", async () => {
    const { server } = await startSignedIn();
    const body = gzipSync(Buffer.alloc(50 * 1024 * 1024));
    const headers = { "content-encoding": "gzip" };
    const answer = await call(server, "PUT", "/v1/names/bob", {
      type: JOSE_MEDIA_TYPE,
      body: new Uint8Array(body),
      headers,
    });
    expect(refusal(answer)).toEqual({ status: 415, code: "MEDIA_TYPE" });
  });

  test.each([
    ["PUT", "/v1/names/bob", JOSE_MEDIA_TYPE, 16 * 1024],
    ["POST", "/v1/token", "application/x-www-form-urlencoded", 16 * 1024],
    ["POST", `/v1/devices/${bob.device}/key-packages`, "application/json", 256 * 1024],
  ])("as %s %s beyond its limit is refused, announced or not", async (method, path, type, limit) => {
    const { server, token } = await startSignedIn();
    const announced = await call(server, method, path, { token, type, body: "x".repeat(limit + 1) });
    expect(refusal(announced)).toEqual({ status: 413, code: "BODY_TOO_LARGE" });
    const head = `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n`;
    const chunk = `${(limit + 1).toString(16)}\r\n${"x".repeat(limit + 1)}\r\n0\r\n\r\n`;
    const chunked = await exchange(
      server,
      `${head}Content-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`,
    );
    expect(chunked.status).toBe(413);
    const fits = await call(server, method, path, { token, type, body: "x".repeat(limit) });
    expect(fits.status).toBe(400);
  });

  test("whose announced length is beyond the limit is refused before its body comes", async () => {
    const head = "PUT /v1/names/bob HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/jose\r\n";
    const answer = await exchange(await startTestServer(), `${head}Content-Length: 20000\r\n\r\n`);
    expect(answer.status).toBe(413);
  });

  test.each([
    ["duplicate members", '{"keyPackages":[],"keyPackages":[]}'],
    ["__proto__", '{"keyPackages":[],"__proto__":{"x":1}}'],
    ["a constructor's prototype", '{"keyPackages":[],"constructor":{"prototype":{"x":1}}}'],
    ["eight thousand nested arrays", `{"keyPackages":${"[".repeat(8000)}${"]".repeat(8000)}}`],
    ["half an object", '{"keyPackages":['],
    ["invalid UTF-8", Buffer.from([0x22, 0xff, 0x22])],
    ["nothing", ""],
    ["null", "null"],
  ])("as JSON with %s is refused", async (_what, body) => {
    const { server, token } = await startSignedIn();
    const path = `/v1/devices/${bob.device}/key-packages`;
    const answer = await call(server, "POST", path, { token, type: "application/json", body });
    expect(refusal(answer)).toEqual({ status: 400, code: "REQUEST_INVALID" });
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });

  test("whose sender leaves halfway troubles nobody", async () => {
    const server = await startTestServer();
    const socket = await openSocket(server);
    const head = `PUT /v1/names/bob HTTP/1.1\r\nHost: x\r\nContent-Type: ${JOSE_MEDIA_TYPE}\r\nContent-Length: 100\r\n\r\n`;
    socket.write(`${head}abc`);
    socket.end();
    await readToEnd(socket);
    expect((await call(server, "GET", "/healthz")).status).toBe(200);
    expect(server.log.filter((line) => line.includes('"level":50'))).toEqual([]);
  });
});
