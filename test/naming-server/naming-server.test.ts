import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { hasOpenssl } from "../support/capabilities.ts";
import { expectError } from "../support/expect-error.ts";
import {
  assertionOf,
  call,
  putRecord,
  refusal,
  register,
  requestToken,
  signIn,
  startTestServer,
} from "../support/naming-server.ts";
import { NOW_MS, NOW_SECONDS, personOf, recordTextOf } from "../support/people.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

describe("a naming server", () => {
  test("is its own public URL, with the port it got, where none is configured", async () => {
    const server = await startTestServer({ publicUrl: undefined });
    expect(server.publicUrl).toBe(server.url);
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d+$/);
    const bob = personOf("bob", { aud: server.url });
    expect((await putRecord(server, "bob", await recordTextOf(bob))).status).toBe(201);
    const misspelled = personOf("carol", { aud: server.url.replace("127.0.0.1", "localhost") });
    const answer = await putRecord(server, "carol", await recordTextOf(misspelled));
    expect(answer.json).toMatchObject({ reason: "aud", expectedAudience: server.url });
  });

  test("listens on IPv6 too", async () => {
    const server = await startTestServer({ host: "::1" });
    expect(server.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect((await call(server, "GET", "/healthz")).status).toBe(200);
  });

  test("refuses an address that is taken, and leaves the database free", async () => {
    const first = await startTestServer();
    const databasePath = join(temporaryDirectory(), "naming.db");
    const port = Number(new URL(first.url).port);
    await expectError(startTestServer({ port, databasePath }), "CONFIG_INVALID");
    expect((await call(await startTestServer({ databasePath }), "GET", "/readyz")).status).toBe(200);
  });

  test("may be stopped twice, and answers no more", async () => {
    const server = await startTestServer();
    await call(server, "GET", "/healthz");
    await Promise.all([server.stop(), server.stop()]);
    await expect(call(server, "GET", "/healthz")).rejects.toThrow();
  });

  test("refuses TLS files that are none", async () => {
    await expectError(startTestServer({ tls: { cert: "x", key: "y" } }), "CONFIG_INVALID");
  });

  test.skipIf(!hasOpenssl())("speaks TLS with the files it is given", async () => {
    const directory = temporaryDirectory();
    const [certPath, keyPath] = [join(directory, "cert.pem"), join(directory, "key.pem")];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"];
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", keyPath];
    execFileSync("openssl", ["req", "-x509", ...key, "-out", certPath, ...subject], { stdio: "ignore" });
    const tls = { cert: readFileSync(certPath, "utf8"), key: readFileSync(keyPath, "utf8") };
    const server = await startTestServer({ tls, publicUrl: undefined });
    expect(server.publicUrl).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const sent = request(`${server.url}/healthz`, { ca: tls.cert }).end();
    const [response] = await once(sent, "response");
    expect([response.statusCode, await json(response)]).toEqual([200, { status: "ok" }]);
  });

  test.each([600, -600, 86_400, -86_400])(
    "whose own clock is off by %d s says what it takes the time to be, and locks nobody out once it is right",
    async (offset) => {
      const server = await startTestServer();
      const [ann, bob] = [personOf("ann"), personOf("bob")];
      await register(server, ann);
      const token = await signIn(server, ann);
      server.clock.nowMs = NOW_MS + offset * 1000;
      const [record, assertion] = [await recordTextOf(bob), await assertionOf(ann, NOW_MS)];
      for (const answer of [await putRecord(server, "bob", record), await requestToken(server, assertion)]) {
        expect(refusal(answer)).toEqual({ status: 401, code: "CLOCK_SKEW" });
        expect(answer.json).toMatchObject({ serverTime: NOW_SECONDS + offset });
      }
      server.clock.nowMs = NOW_MS;
      expect((await call(server, "GET", "/v1/names/ann", { token })).status).toBe(200);
      expect((await putRecord(server, "bob", record)).status).toBe(201);
      expect((await requestToken(server, assertion)).status).toBe(200);
    },
  );
});
