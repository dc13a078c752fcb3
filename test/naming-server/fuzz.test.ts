import { join } from "node:path";
import { expect, test } from "vitest";
import { fuzzServer } from "../support/http-fuzz.ts";
import { call, putRecord, signIn, startServerProcess } from "../support/naming-server.ts";
import { personOf, recordTextOf } from "../support/people.ts";
import { SEED } from "../support/seed.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

test("whatever arrives is no fault of the server, which goes on answering", { timeout: 120_000 }, async () => {
  const args = ["--rate-limit-factor", "1000000", "--log-level", "debug"];
  const { url, child } = await startServerProcess({ databasePath: join(temporaryDirectory(), "naming.db"), args });
  child.stderr.resume();
  const bob = personOf("bob");
  await putRecord({ url }, "bob", await recordTextOf(bob, { iat: Math.floor(Date.now() / 1000) }));
  const insider = { token: await signIn({ url }, bob), name: "bob", device: bob.device };
  await fuzzServer({ url, insider, seed: SEED }, { runs: 1500, ms: 60_000 });
  expect(child.exitCode).toBeNull();
  expect((await call({ url }, "GET", "/v1/names/bob", { token: await signIn({ url }, bob) })).status).toBe(200);
});
