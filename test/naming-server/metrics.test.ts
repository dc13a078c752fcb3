import { describe, expect, test } from "vitest";
import { RATE_LIMITS } from "../../naming-server/limits.ts";
import { Metrics } from "../../naming-server/metrics.ts";
import { call, register, signIn, startTestServer } from "../support/naming-server.ts";
import { personOf } from "../support/people.ts";
import { exchange } from "../support/raw-http.ts";

/** Samples by name and labels. */
function samplesOf(text: string): ReadonlyMap<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
  );
}

async function scrape(server: { url: string }) {
  const { text } = await call(server, "GET", "/metrics");
  return { text, samples: samplesOf(text) };
}

describe("metrics", () => {
  test("count requests and times in cumulative buckets", async () => {
    const metrics = new Metrics();
    const meter = metrics.requestMeter("/x/:y", "get");
    meter.record(200, 0.4);
    meter.record(204, 30);
    meter.record(404, 20_000);
    const samples = samplesOf(await metrics.render());
    const labels = 'route="/x/:y",method="GET"';
    expect(samples.get(`p2pchat_naming_requests_total{${labels},status="2xx"}`)).toBe(2);
    expect(samples.get(`p2pchat_naming_requests_total{${labels},status="4xx"}`)).toBe(1);
    const bucket = (bound: string) =>
      samples.get(`p2pchat_naming_request_duration_seconds_bucket{${labels},le="${bound}"}`);
    expect([bucket("0.0005"), bucket("0.025"), bucket("0.05"), bucket("10"), bucket("+Inf")]).toEqual([1, 1, 2, 2, 3]);
    expect(samples.get(`p2pchat_naming_request_duration_seconds_sum{${labels}}`)).toBeCloseTo(20.0304);
    expect(samples.get(`p2pchat_naming_request_duration_seconds_count{${labels}}`)).toBe(3);
  });

  test("leave out a gauge that cannot be read, and no other", async () => {
    const metrics = new Metrics();
    metrics.gauge("broken", "Broken.", () => Promise.reject(new Error("no")));
    metrics.gauge("whole", "Whole.", async () => 7);
    const samples = samplesOf(await metrics.render());
    expect([...samples.keys()].filter((name) => /broken$|whole$/.test(name))).toEqual(["p2pchat_naming_whole"]);
  });

  test("are in Prometheus's text format, one type and help for each name", async () => {
    const { text } = await scrape(await startTestServer());
    const names = [...text.matchAll(/^# TYPE (\S+) (?:gauge|counter|histogram)$/gm)].map(([, name]) => name);
    expect(new Set(names).size).toBe(names.length);
    expect([...text.matchAll(/^# HELP (\S+) \S.*$/gm)].map(([, name]) => name)).toEqual(names);
    for (const line of text.trimEnd().split("\n")) {
      expect(line).toMatch(/^# |^[a-z_0-9]+(?:\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})? -?[0-9.e+-]+$/);
    }
  });

  test("count every refusal by its code, wherever it comes from", async () => {
    const rates = { ...RATE_LIMITS, token: { network: { burst: 1, perSecond: 0.001 } } };
    const server = await startTestServer({ rates });
    await call(server, "GET", "/v1/names/bob");
    await call(server, "GET", "/nothing");
    await call(server, "PATCH", "/healthz");
    await call(server, "POST", "/v1/token", { body: "x", type: "text/plain" });
    await call(server, "POST", "/v1/token", { body: "x", type: "text/plain" });
    await exchange(server, "GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n");
    await exchange(server, "no HTTP at all\r\n\r\n");
    const { samples } = await scrape(server);
    const refused = (code: string) => samples.get(`p2pchat_naming_refusals_total{code="${code}"}`);
    for (const code of ["TOKEN_MISSING", "NOT_FOUND", "METHOD_NOT_ALLOWED", "MEDIA_TYPE", "RATE_LIMITED"]) {
      expect([code, refused(code)]).toEqual([code, 1]);
    }
    expect(refused("REQUEST_INVALID")).toBe(1);
    expect(samples.get('p2pchat_naming_rate_limited_total{class="token"}')).toBe(1);
    expect(samples.get('p2pchat_naming_broken_connections_total{reason="malformed"}')).toBe(1);
    expect(samples.get('p2pchat_naming_requests_total{route="/v1/token",method="POST",status="4xx"}')).toBe(2);
  });

  test("say what the process uses", async () => {
    const { samples } = await scrape(await startTestServer());
    for (const name of [
      "process_resident_memory_bytes",
      "process_cpu_seconds_total",
      "p2pchat_naming_database_bytes",
    ]) {
      expect([name, samples.get(name) ?? 0]).toEqual([name, expect.any(Number)]);
      expect(samples.get(name)).toBeGreaterThan(0);
    }
    expect(samples.get("p2pchat_naming_connections")).toBeGreaterThanOrEqual(1);
    expect(samples.get("p2pchat_naming_event_loop_delay_seconds")).toBeLessThan(10);
  });

  test("name nobody: no name, device, token or address is in them", async () => {
    const server = await startTestServer();
    const bob = personOf("canary-bob");
    await register(server, bob);
    const token = await signIn(server, bob);
    await call(server, "GET", "/v1/names/canary-bob", { token });
    await call(server, "GET", "/v1/names/canary-unknown", { token });
    await call(server, "GET", "/canary-path?canary-query=1", { token });
    await call(server, "DELETE", `/v1/devices/${bob.device}/addresses`, { token });
    const { text } = await scrape(server);
    expect(text).toContain("/v1/devices/:device/addresses");
    for (const canary of ["canary", bob.device, token, "127.0.0.1"]) expect(text).not.toContain(canary);
  });
});
