import { once } from "node:events";
import { request } from "node:http";
import { expect, test } from "vitest";
import { startLyingServer } from "./lying-server.ts";
import { json, startScriptedServer } from "./scripted-server.ts";

test("a liar without lies passes everything through, both ways", async () => {
  await using truth = await startScriptedServer(({ body }) => ({
    status: 418,
    headers: { etag: `"1"`, "content-type": "text/plain" },
    body: `you said ${body}`,
  }));
  await using liar = await startLyingServer(truth.url);
  const answer = await fetch(`${liar.url}/v1/x?y=1`, { method: "PUT", body: "hello", headers: { "x-a": "b" } });
  expect([answer.status, answer.headers.get("etag"), await answer.text()]).toEqual([418, `"1"`, "you said hello"]);
  expect(truth.requests).toMatchObject([{ method: "PUT", path: "/v1/x?y=1", headers: { "x-a": "b" } }]);
});

test("a liar passes a stream on while it is still open", async () => {
  await using truth = await startScriptedServer(() => (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).write("data: 1\n\n");
  });
  await using liar = await startLyingServer(truth.url);
  const asking = request(`${liar.url}/v1/presence/events`).end();
  const [stream] = await once(asking, "response");
  const [chunk] = await once(stream, "data");
  expect(String(chunk)).toBe("data: 1\n\n");
  stream.destroy();
});

test("a liar tells its newest lie first, asks for the truth once, and can take lies back", async () => {
  await using truth = await startScriptedServer(() => json({ says: "truth" }));
  await using liar = await startLyingServer();
  const hear = async () => (await (await fetch(liar.url)).text()).replace(/[{}":]|says/g, "");
  liar.forwardTo(truth.url);
  liar.tell(async (_, ask) => ((await ask()).status === 200 ? undefined : "reset"));
  expect(await hear()).toBe("truth");
  const takeBack = liar.tell(async (_, ask) => json({ says: `not the ${(await ask()).body.length} bytes` }));
  liar.tell(({ path }) => (path === "/elsewhere" ? "reset" : undefined));
  expect(await hear()).toBe("not the 16 bytes");
  takeBack();
  expect(await hear()).toBe("truth");
  liar.repent();
  expect(await hear()).toBe("truth");
  expect(truth.requests).toHaveLength(4);
});
