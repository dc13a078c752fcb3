import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { expectError } from "../support/expect-error.ts";
import { call, register, startTestServer } from "../support/naming-server.ts";
import { AUDIENCE, personOf } from "../support/people.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const ELSEWHERE = "https://elsewhere.example.org";

describe("a public URL", () => {
  test("cannot change once there are names, and says which one they were registered with", async () => {
    const databasePath = join(temporaryDirectory(), "naming.db");
    const before = await startTestServer({ databasePath });
    await register(before, personOf("alice"));
    const checkpoint = await call(before, "GET", "/v1/log/checkpoint");
    await before.stop();
    const error = await expectError(startTestServer({ databasePath, publicUrl: ELSEWHERE }), "CONFIG_INVALID");
    expect(error.message).toContain(AUDIENCE);
    const after = await startTestServer({ databasePath });
    expect((await call(after, "GET", "/v1/log/checkpoint")).text).toBe(checkpoint.text);
  });

  test("may change while there are none", async () => {
    const databasePath = join(temporaryDirectory(), "naming.db");
    const before = await startTestServer({ databasePath });
    await call(before, "GET", "/v1/log/checkpoint");
    await before.stop();
    const after = await startTestServer({ databasePath, publicUrl: ELSEWHERE });
    expect((await call(after, "GET", "/v1/log/checkpoint")).text).toMatch(/^elsewhere\.example\.org/);
  });
});
