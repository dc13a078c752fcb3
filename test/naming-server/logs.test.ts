import { once } from "node:events";
import { request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { call, putRecord, signIn, startServerProcess } from "../support/naming-server.ts";
import { personOf, recordTextOf } from "../support/people.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

/** Where requests come from: an address of loopback that the server itself does not use. */
const CLIENT = "127.0.0.2";
const CANARIES = ["canary", CLIENT, "198.51.100.77"];

type Operations = { paths: Record<string, Record<string, { parameters: { name: string; in: string }[] }>> };
type Asked = { method: string; path: string; headers: Readonly<Record<string, string>>; body: string };

/** Every documented operation with a canary wherever a client can put something. */
function requestsOf({ paths }: Operations): Asked[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters }]) => {
      const query = parameters
        .filter((parameter) => parameter.in === "query")
        .map(({ name }) => `${name}=canary-query`);
      const named = parameters
        .filter((parameter) => parameter.in === "header")
        .map(({ name }) => [name, '"canary-header"']);
      return {
        method: method.toUpperCase(),
        path: `${path.replace("{name}", "canary-name").replace("{device}", "canary-device")}?${query.join("&")}`,
        headers: Object.fromEntries(named),
        body: method === "get" ? "" : '{"canary":"canary-body"}',
      };
    }),
  );
}

async function send(url: string, { method, path, headers, body }: Asked): Promise<void> {
  const { hostname, port } = new URL(url);
  const common = { "x-forwarded-for": "198.51.100.77", "user-agent": "canary-agent", cookie: "canary-cookie" };
  const sent = request({ hostname, port, method, path, localAddress: CLIENT, headers: { ...common, ...headers } });
  sent.end(body);
  const [response] = await once(sent, "response");
  // a stream of presence would go on for ever
  response.destroy();
}

test("nothing that a client sends comes into the logs, on any route, at any level", async () => {
  const databasePath = join(temporaryDirectory(), "naming.db");
  const { url, child } = await startServerProcess({ databasePath, args: ["--log-level", "trace"] });
  const logged = text(child.stderr);
  const exit = once(child, "exit");
  const bob = personOf("canary-bob");
  const record = await recordTextOf(bob, { iat: Math.floor(Date.now() / 1000) });
  await putRecord({ url }, "canary-bob", record);
  const token = await signIn({ url }, bob);
  const requests = requestsOf((await call({ url }, "GET", "/v1/openapi.json")).json as Operations);
  const types = ["application/json", "application/jose", "application/x-www-form-urlencoded", "canary/type"];
  const doors = [`Bearer ${token}`, "Bearer canary-token", "canary-scheme canary"];
  for (const asked of requests) {
    for (const type of asked.body === "" ? [""] : types) {
      for (const authorization of doors) {
        await send(url, {
          ...asked,
          headers: { ...asked.headers, authorization, ...(type && { "content-type": type }) },
        });
      }
    }
  }
  await send(url, { method: "GET", path: "/canary-path", headers: {}, body: "" });
  child.kill("SIGTERM");
  await exit;
  const lines = (await logged).trimEnd().split("\n");
  const about = lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === "request");
  expect(about.length).toBeGreaterThan(requests.length * doors.length);
  for (const { requestId } of about) expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
  const secrets = [...CANARIES, token, record, bob.device];
  for (const secret of secrets) expect(lines.filter((line) => line.includes(secret))).toEqual([]);
});
