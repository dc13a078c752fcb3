import { describe, expect, test } from "vitest";
import {
  consistencySchema,
  logEntriesSchema,
  logPlaceSchema,
  nameAcceptedSchema,
  nameSchema,
} from "../../../shared/api.ts";
import { openCheckpoint } from "../../../shared/checkpoint.ts";
import { logLeafOf } from "../../../shared/log-leaf.ts";
import { isConsistent, isIncluded, leafHash } from "../../../shared/merkle.ts";
import { parseVerifier } from "../../../shared/signed-note.ts";
import { naiveRoot } from "../../support/merkle.ts";
import {
  call,
  putRecord,
  refusal,
  register,
  signIn,
  startTestServer,
  type TestServer,
} from "../../support/naming-server.ts";
import { personOf, recordOf } from "../../support/people.ts";

const alice = personOf("alice");
const bob = personOf("bob");

async function checkpointOf(server: TestServer) {
  const [note, key] = await Promise.all(["checkpoint", "key"].map((path) => call(server, "GET", `/v1/log/${path}`)));
  return openCheckpoint(note?.text ?? "", parseVerifier(key?.text.trim() ?? ""));
}

test("a registration is answered with its place, the proof, and the checkpoint that covers it", async () => {
  const server = await startTestServer();
  const record = await recordOf(alice);
  const answer = await putRecord(server, "alice", record.jws.text);
  const { log } = nameAcceptedSchema.parse(answer.json);
  const checkpoint = await checkpointOf(server);
  expect(log.checkpoint).toBe(checkpoint.note);
  expect(isIncluded({ ...log, leafHash: leafHash(logLeafOf(alice.username, record.hash)) }, checkpoint.root)).toBe(
    true,
  );
});

test("the same bytes again have the same place, when others have come after them too", async () => {
  const server = await startTestServer();
  const record = await recordOf(alice);
  await putRecord(server, "alice", record.jws.text);
  await register(server, bob);
  const again = nameAcceptedSchema.parse((await putRecord(server, "alice", record.jws.text)).json);
  expect(again.log).toMatchObject({ index: 0, size: 2 });
});

test("a look-up shows the record's place with its proof", async () => {
  const server = await startTestServer();
  await register(server, alice);
  await register(server, bob);
  const { log, record } = nameSchema.parse(
    (await call(server, "GET", "/v1/names/bob", { token: await signIn(server, alice) })).json,
  );
  const hash = (await recordOf(bob)).hash;
  expect(record).toBe((await recordOf(bob)).jws.text);
  const { root } = await checkpointOf(server);
  expect(isIncluded({ ...log, leafHash: leafHash(logLeafOf(bob.username, hash)) }, root)).toBe(true);
});

test("entries, inclusion and consistency agree with the checkpoint, and need no token", async () => {
  const server = await startTestServer();
  await register(server, alice);
  const before = await checkpointOf(server);
  for (const name of ["bob", "carol", "dave"]) await register(server, personOf(name));
  const after = await checkpointOf(server);
  const { entries } = logEntriesSchema.parse((await call(server, "GET", "/v1/log/entries?start=0")).json);
  expect(after).toMatchObject({ size: 4, root: naiveRoot(entries) });
  const inclusion = logPlaceSchema.parse((await call(server, "GET", "/v1/log/inclusion?index=2&size=3")).json);
  const leaf = entries[2] ?? new Uint8Array();
  expect(isIncluded({ ...inclusion, leafHash: leafHash(leaf) }, naiveRoot(entries.slice(0, 3)))).toBe(true);
  const { proof } = consistencySchema.parse((await call(server, "GET", "/v1/log/consistency?from=1&to=4")).json);
  expect(isConsistent(before, after, proof)).toBe(true);
});

test("what can never change may be kept for ever, what grows only for a moment", async () => {
  const server = await startTestServer();
  await register(server, alice);
  const cacheOf = async (path: string) => (await call(server, "GET", path)).headers.get("cache-control");
  expect(await cacheOf("/v1/log/inclusion?index=0&size=1")).toContain("immutable");
  expect(await cacheOf("/v1/log/consistency?from=0&to=1")).toContain("immutable");
  expect(await cacheOf("/v1/log/entries?start=0")).toBe("public, max-age=1");
  expect(await cacheOf("/v1/log/checkpoint")).toBe("public, max-age=1");
});

describe("refuses", () => {
  test.each([
    ["entries?start=2", "range"],
    ["entries?start=-1", undefined],
    ["entries?start=01", undefined],
    ["entries?start=1e3", undefined],
    ["entries", undefined],
    ["entries?start=0&limit=5", undefined],
    ["inclusion?index=1&size=1", "range"],
    ["inclusion?index=0&size=2", "range"],
    ["inclusion?index=0", undefined],
    ["consistency?from=1&to=0", "range"],
    ["consistency?from=0&to=2", "range"],
    ["consistency?from=0&to=9999999999999999", undefined],
  ])("/v1/log/%s", async (path, reason) => {
    const server = await startTestServer();
    await register(server, alice);
    const answer = refusal(await call(server, "GET", `/v1/log/${path}`));
    expect(answer).toEqual({ status: 400, code: "REQUEST_INVALID", ...(reason && { reason }) });
  });
});
