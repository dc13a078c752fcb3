import { expect, test } from "vitest";
import { probeServer } from "../../../peer/naming/probe-server.ts";
import type { ErrorCode } from "../../../shared/errors.ts";
import { expectError } from "../../support/expect-error.ts";
import { startTestServer } from "../../support/naming-server.ts";
import { type Script, startScriptedServer } from "../../support/scripted-server.ts";

const probe = (url: string, now = () => Date.now()) =>
  probeServer({ url, allowHttp: false, ca: undefined, now, signal: new AbortController().signal });

test("a naming server says its URL, its interface and its time", async () => {
  const server = await startTestServer();
  const hourAgo = () => Date.now() - 3_600_000;
  const found = await probe(server.url, hourAgo);
  expect(found).toMatchObject({ url: server.url, publicUrl: "https://names.example.org", apiVersion: "1" });
  expect(found.latencyMs).toBeGreaterThanOrEqual(0);
  expect(Math.abs(Number(found.clockOffsetMs) - 3_600_000)).toBeLessThan(10_000);
});

test.each<[Script, ErrorCode, string | undefined]>([
  [() => ({ status: 404 }), "SERVER_ERROR", "http"],
  [() => ({ status: 200, body: "hello" }), "SERVER_ERROR", "body"],
  [() => ({ status: 503 }), "SERVER_BUSY", undefined],
  [() => "reset", "SERVER_UNREACHABLE", "connection"],
])("what is none is refused (%#)", async (script, code, reason) => {
  await using server = await startScriptedServer(script);
  await expectError(probe(server.url), code, reason);
});

test("a server without a clock leaves it open", async () => {
  const body = JSON.stringify({ info: { version: "1" }, servers: [{ url: "https://names.example.org" }] });
  await using server = await startScriptedServer(() => (response) => {
    response.sendDate = false;
    response.end(body);
  });
  expect(await probe(server.url)).toMatchObject({ clockOffsetMs: null, publicUrl: "https://names.example.org" });
});
