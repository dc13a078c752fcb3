import { describe, expect, test } from "vitest";
import { createHttpClient, type HttpOptions } from "../../../peer/naming/http.ts";
import { parseServerUrl } from "../../../peer/naming/server-url.ts";
import { selfSigned } from "../../support/certificate.ts";
import { expectError } from "../../support/expect-error.ts";
import { json, type Script, type ScriptedAnswer, startScriptedServer } from "../../support/scripted-server.ts";

const GET = { method: "GET", path: "/v1/x" } as const;

async function withServer(script: Script, options: Partial<HttpOptions> = {}, tls?: { cert: string; key: string }) {
  const server = await startScriptedServer(script, tls);
  const client = createHttpClient({ url: parseServerUrl(server.url), ...options });
  return {
    server,
    client,
    async [Symbol.asyncDispose]() {
      client.close();
      await server.close();
    },
  };
}

describe("the HTTP client", () => {
  test("sends what it is told and reads the answer", async () => {
    await using it = await withServer(({ body }) => json({ got: body.toString() }, 201, { "x-y": "z" }));
    const headers = { "content-type": "text/plain" };
    const answer = await it.client.send({ method: "PUT", path: "/v1/x?y=1", headers, body: "grüß" });
    expect(answer).toMatchObject({ status: 201, headers: { "x-y": "z" } });
    expect(Buffer.from(answer.body).toString()).toBe(`{"got":"grüß"}`);
    expect(it.server.requests[0]).toMatchObject({
      method: "PUT",
      path: "/v1/x?y=1",
      headers: { "content-type": "text/plain", "content-length": "6", "accept-encoding": "identity" },
    });
  });

  test("uses one connection for requests one after another", async () => {
    await using it = await withServer(() => json({}));
    for (let i = 0; i < 3; i++) await it.client.send(GET);
    expect(it.server.connections).toBe(1);
  });

  test("repeats a request once when an idle connection turns out to be closed", async () => {
    let requests = 0;
    await using it = await withServer(() => (++requests === 2 ? "reset" : json({ requests })));
    await it.client.send(GET);
    expect(Buffer.from((await it.client.send(GET)).body).toString()).toBe(`{"requests":3}`);
  });

  test("does not repeat a request on a connection that was new", async () => {
    await using it = await withServer(() => "reset");
    await expectError(it.client.send(GET), "SERVER_UNREACHABLE", "connection");
    expect(it.server.requests).toHaveLength(1);
  });

  test("hands redirects back without following them", async () => {
    await using it = await withServer(() => ({ status: 302, headers: { location: "/v1/elsewhere" } }));
    expect((await it.client.send(GET)).status).toBe(302);
    expect(it.server.requests).toHaveLength(1);
  });

  test("stops reading an answer that is too large, whatever length it claims", async () => {
    const endless: ScriptedAnswer = (response) => {
      response.writeHead(200, { "content-type": "application/json" });
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      };
      response.on("drain", more);
      more();
    };
    await using it = await withServer(() => endless, { answerMaxBytes: 100_000 });
    await expectError(it.client.send(GET), "SERVER_ERROR", "size");
  });

  test("says that a silent server does not answer", async () => {
    await using it = await withServer(() => "hang", { timeoutMs: 50 });
    await expectError(it.client.send(GET), "SERVER_UNREACHABLE", "timeout");
  });

  test("gives up on a body that never ends", async () => {
    const stuck: ScriptedAnswer = (response) => {
      response.writeHead(200).write("{");
    };
    await using it = await withServer(() => stuck, { timeoutMs: 50 });
    await expectError(it.client.send(GET), "SERVER_UNREACHABLE", "timeout");
  });

  test("says that nothing listens", async () => {
    const server = await startScriptedServer(() => "hang");
    await server.close();
    const client = createHttpClient({ url: parseServerUrl(server.url) });
    const error = await expectError(client.send(GET), "SERVER_UNREACHABLE", "refused");
    expect(error.details).toEqual({ url: server.url });
  });

  test("says that the other side does not speak HTTP", async () => {
    const greeting: ScriptedAnswer = (response) => {
      response.socket?.end("SSH-2.0-OpenSSH_9.2p1\r\n");
    };
    await using it = await withServer(() => greeting);
    await expectError(it.client.send(GET), "SERVER_ERROR", "http");
  });

  test("says that the connection was cut within an answer", async () => {
    const half: ScriptedAnswer = (response) => {
      response.writeHead(200, { "content-length": "10" });
      response.write("half");
      setImmediate(() => response.destroy());
    };
    await using it = await withServer(() => half);
    await expectError(it.client.send(GET), "SERVER_UNREACHABLE", "connection");
  });

  test("ends when the caller gives up, and does not begin afterwards", async () => {
    const giveUp = new AbortController();
    await using it = await withServer(() => {
      giveUp.abort();
      return "hang";
    });
    await expectError(it.client.send(GET, giveUp.signal), "INTERRUPTED");
    await expectError(it.client.send(GET, giveUp.signal), "INTERRUPTED");
    expect(it.server.requests).toHaveLength(1);
  });

  test("tells the caller's own deadline from a server that does not answer", async () => {
    await using it = await withServer(() => "hang");
    await expectError(it.client.send(GET, AbortSignal.timeout(20)), "TIMED_OUT");
  });

  test("ends requests under way when it is closed, and does not begin them again", async () => {
    let requests = 0;
    await using it = await withServer(() => {
      if (++requests === 1) return json({});
      it.client.close();
      return "hang";
    });
    await it.client.send(GET);
    await expectError(it.client.send(GET), "SERVER_UNREACHABLE", "connection");
    expect(it.server.requests).toHaveLength(2);
  });
});

describe("over TLS, the HTTP client", () => {
  const ours = selfSigned();

  test("trusts the CA it is given", async () => {
    await using it = await withServer(() => json({}), { ca: ours.cert }, ours);
    expect((await it.client.send(GET)).status).toBe(200);
  });

  test.each([
    ["nobody signed", {}, ours, "not trusted"],
    ["another CA signed", { ca: selfSigned().cert }, ours, "not trusted"],
  ])("refuses a certificate that %s", async (_, options, tls, text) => {
    await using it = await withServer(() => json({}), options, tls);
    const error = await expectError(it.client.send(GET), "SERVER_UNREACHABLE", "tls");
    expect(error.message).toContain(text);
    expect(it.server.requests).toEqual([]);
  });

  test.each([
    ["has expired", selfSigned({ notAfter: new Date("2020-01-01") }), "has expired"],
    ["is for another host", selfSigned({ host: "names.example.org" }), "another host"],
  ])("refuses a certificate of its CA that %s", async (_, tls, text) => {
    await using it = await withServer(() => json({}), { ca: tls.cert }, tls);
    const error = await expectError(it.client.send(GET), "SERVER_UNREACHABLE", "tls");
    expect(error.message).toContain(text);
  });

  test("says that a server does not speak TLS", async () => {
    const plain = await startScriptedServer(() => json({}));
    const client = createHttpClient({ url: parseServerUrl(plain.url.replace("http:", "https:")) });
    const error = await expectError(client.send(GET), "SERVER_UNREACHABLE", "tls");
    expect(error.message).toContain("does not speak TLS");
    await plain.close();
  });

  test.each(["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])(
    "refuses %j as a CA",
    async (ca) => {
      await expectError(() => createHttpClient({ url: parseServerUrl("example.org"), ca }), "CONFIG_INVALID");
    },
  );
});
