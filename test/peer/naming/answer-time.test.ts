import { expect, test } from "vitest";
import { tellingTime } from "../../../peer/naming/answer-time.ts";
import type { Answer, HttpClient } from "../../../peer/naming/http.ts";
import { startNamingClient } from "../../support/naming-client.ts";
import { personOf } from "../../support/people.ts";
import { problem } from "../../support/scripted-server.ts";

const DATE = "Fri, 20 Nov 2026 12:00:00 GMT";
const TIME_MS = Date.UTC(2026, 10, 20, 12);

async function heardOf(headers: Answer["headers"]): Promise<number[]> {
  const heard: number[] = [];
  const answer = { status: 200, headers, body: new Uint8Array() };
  const http: HttpClient = { send: async () => answer, open: async () => answer, close: () => undefined };
  const telling = tellingTime(http, (timeMs) => void heard.push(timeMs));
  const request = { method: "GET", path: "/" } as const;
  expect(await telling.send(request)).toBe(answer);
  expect(await telling.open(request, new AbortController().signal)).toBe(answer);
  return heard;
}

test("an answer tells when it was made", async () => {
  expect(await heardOf({ date: DATE })).toEqual([TIME_MS, TIME_MS]);
});

test.each<[string, Answer["headers"]]>([
  ["no date", {}],
  ["one out of a cache", { date: DATE, age: "60" }],
  ["another form of date", { date: "2026-11-20T12:00:00Z" }],
  ["no date that there is", { date: "Fri, 99 Nov 2026 12:00:00 GMT" }],
])("an answer with %s tells nothing", async (_, headers) => {
  expect(await heardOf(headers)).toEqual([]);
});

test("a client of the naming server hears it in answers and in refusals", async () => {
  const heard: number[] = [];
  const headers = { date: DATE };
  await using it = await startNamingClient(() => ({ ...problem(404, "NAME_UNKNOWN"), headers }), {
    onTime: (timeMs) => void heard.push(timeMs),
  });
  await it.client.lookup(personOf("bob").username).catch(() => undefined);
  // The token before it was granted by this computer's own clock.
  expect(heard).toHaveLength(2);
  expect(heard[1]).toBe(TIME_MS);
});
