import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { SERVER_LIMITS } from "../../naming-server/limits.ts";
import { SigningKeys } from "../../naming-server/signing-keys.ts";
import { openSqliteStore } from "../../naming-server/storage/sqlite-store.ts";
import { NOW_MS } from "../support/people.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const LIFETIME_MS = SERVER_LIMITS.signingKeyLifetimeSeconds * 1000;

async function openKeys() {
  const path = join(temporaryDirectory(), "naming.db");
  const store = openSqliteStore(path);
  onTestFinished(() => store.close());
  const clock = { nowMs: NOW_MS };
  const open = () => SigningKeys.open(store, () => clock.nowMs);
  return { clock, open, keys: await open(), store };
}

const generations = (keys: SigningKeys) => keys.jwks().keys.map(({ kid }) => keys.find(kid)?.generation);

describe("signing keys", () => {
  test("are public halves only, the next one published ahead", async () => {
    const { keys } = await openKeys();
    expect(keys.current().generation).toBe(1);
    expect(generations(keys)).toEqual([1, 2]);
    for (const jwk of keys.jwks().keys) {
      expect(Object.keys(jwk).sort()).toEqual(["alg", "crv", "kid", "kty", "use", "x"]);
    }
  });

  test("are the same after a restart", async () => {
    const { keys, open } = await openKeys();
    expect((await open()).jwks()).toEqual(keys.jwks());
  });

  test("take turns by age; the previous one stays published, older ones go from the database", async () => {
    const { keys, clock, store } = await openKeys();
    for (const generation of [2, 3, 4]) {
      clock.nowMs += LIFETIME_MS;
      await keys.rotate();
      expect(keys.current().generation).toBe(generation);
      expect(generations(keys)).toEqual([generation - 1, generation, generation + 1]);
    }
    expect((await store.listSigningKeys()).map(({ generation }) => generation)).toEqual([3, 4, 5]);
  });

  test("are one set for instances that start at once", async () => {
    const { open } = await openKeys();
    const [a, b] = await Promise.all([open(), open()]);
    expect(a?.jwks()).toEqual(b?.jwks());
  });

  test("go on when the clock is set back before the first of them", async () => {
    const { keys, clock } = await openKeys();
    clock.nowMs -= LIFETIME_MS;
    await keys.rotate();
    expect(keys.current().generation).toBe(1);
  });

  test("survive a clock that leaps a year and comes back", async () => {
    const { keys, clock } = await openKeys();
    const before = keys.current().kid;
    clock.nowMs += 12 * LIFETIME_MS;
    await keys.rotate();
    clock.nowMs = NOW_MS;
    await keys.rotate();
    expect(keys.current().kid).toBe(before);
  });
});
