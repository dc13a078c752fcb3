import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  changePassphrase,
  createKeystore,
  newProfileId,
  newSecrets,
  openKeystore,
  rewriteKeystore,
} from "../../../peer/identity/keystore.ts";
import type { Secrets } from "../../../peer/identity/keystore-file.ts";
import type { KdfParameters, stretch } from "../../../peer/identity/passphrase-key.ts";
import { encodeBase64url } from "../../../shared/base64url.ts";
import { hex, utf8 } from "../../../shared/bytes.ts";
import { sha256 } from "../../../shared/hash.ts";
import { expectError } from "../../support/expect-error.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const PASSPHRASE = "correct horse battery staple";

function newPath(): string {
  return join(temporaryDirectory(), "keystore.json");
}

async function seal(path = newPath()) {
  const profileId = newProfileId();
  const secrets = newSecrets();
  const keystore = await createKeystore(path, { profileId, secrets, passphrase: PASSPHRASE });
  return { path, profileId, secrets, keystore, text: readFileSync(path) };
}

let original: ReturnType<typeof seal> | undefined;

/** A copy of one keystore: sealing is meant to be work. */
async function sealed() {
  original ??= seal();
  const { text, ...rest } = await original;
  const path = newPath();
  writeFileSync(path, text, { mode: 0o600 });
  return { ...rest, path };
}

const answer = (passphrase: string) => async () => passphrase;
const nobody = () => Promise.reject(new Error("nobody is to be asked"));
const readJson = (path: string): Record<string, unknown> => JSON.parse(readFileSync(path, "utf8"));

function plain(secrets: Secrets): Record<string, string> {
  return Object.fromEntries(Object.entries(secrets).map(([name, bytes]) => [name, hex(bytes)]));
}

describe("a keystore sealed by a passphrase", () => {
  test("gives the secrets back to who knows it", async () => {
    const { path, profileId, secrets } = await sealed();
    const opened = await openKeystore(path, answer(PASSPHRASE));
    expect(opened.profileId).toBe(profileId);
    expect(plain(opened.secrets)).toEqual(plain(secrets));
  });

  test("says no more than PASSPHRASE_WRONG to anybody else, and stays as it was", async () => {
    const { path } = await sealed();
    const before = readFileSync(path);
    for (const wrong of ["", "correct horse", `${PASSPHRASE} `, "x".repeat(1000)]) {
      await expectError(openKeystore(path, answer(wrong)), "PASSPHRASE_WRONG");
    }
    expect(readFileSync(path)).toEqual(before);
    await openKeystore(path, answer(PASSPHRASE));
  });

  test("makes each of a thousand guesses cost one derivation of full price, and locks its owner out after none", async () => {
    const { path } = await sealed();
    const before = readFileSync(path);
    const paid: KdfParameters[] = [];
    const countingOnly: typeof stretch = async (passphrase, parameters) => {
      paid.push(parameters);
      return sha256(utf8(passphrase));
    };
    for (let guess = 1; guess <= 1000; guess++) {
      await expectError(openKeystore(path, answer(`guess ${guess}`), countingOnly), "PASSPHRASE_WRONG");
    }
    expect(paid).toHaveLength(1000);
    expect(new Set(paid.map((parameters) => JSON.stringify(parameters)))).toEqual(
      new Set([JSON.stringify(readJson(path)["kdf"])]),
    );
    expect(readFileSync(path)).toEqual(before);
    await openKeystore(path, answer(PASSPHRASE));
  });

  test("has none of its secrets in the clear", async () => {
    const { path, secrets } = await sealed();
    const text = readFileSync(path, "latin1");
    expect(readdirSync(dirname(path))).toEqual(["keystore.json"]);
    for (const secret of [...Object.values(secrets), Buffer.from(PASSPHRASE)]) {
      expect(text).not.toContain(Buffer.from(secret).toString("latin1"));
      expect(text).not.toContain(encodeBase64url(secret));
      expect(text).not.toContain(hex(secret));
    }
  });

  test("costs 64 MiB and three passes to try, as its header says", async () => {
    const { path } = await sealed();
    expect(readJson(path)["kdf"]).toMatchObject({ name: "argon2id", memoryKiB: 65_536, passes: 3, parallelism: 1 });
  });

  test.each([
    [{ memoryKiB: 65_535 }, "PROFILE_UNSAFE", "kdf-weak"],
    [{ passes: 2 }, "PROFILE_UNSAFE", "kdf-weak"],
    [{ memoryKiB: 1_048_577 }, "STORE_CORRUPT", "kdf-costly"],
    [{ memoryKiB: 16_777_216 }, "STORE_CORRUPT", "kdf-costly"],
    [{ passes: 11 }, "STORE_CORRUPT", "kdf-costly"],
    [{ parallelism: 2 }, "STORE_CORRUPT", undefined],
    [{ name: "argon2i" }, "STORE_CORRUPT", undefined],
    [{ memoryKiB: "65536" }, "STORE_CORRUPT", undefined],
    [{ salt: "AAAA" }, "STORE_CORRUPT", undefined],
  ] as const)("is refused with %j, before anybody is asked for the passphrase", async (change, code, reason) => {
    const { path } = await sealed();
    const file = readJson(path);
    writeFileSync(path, JSON.stringify({ ...file, kdf: { ...(file["kdf"] as object), ...change } }));
    await expectError(openKeystore(path, nobody), code, reason);
  });

  test("does not open with any part of it altered", async () => {
    const { path } = await sealed();
    const file = readJson(path);
    const kdf = file["kdf"] as object;
    const other = readJson((await seal()).path);
    const altered = [
      { profileId: newProfileId() },
      { kdf: { ...kdf, passes: 4 } },
      { kdf: { ...kdf, memoryKiB: 65_544 } },
      { kdf: other["kdf"] },
      { nonce: other["nonce"] },
      { sealed: other["sealed"] },
    ];
    for (const change of altered) {
      writeFileSync(path, JSON.stringify({ ...file, ...change }));
      await expectError(openKeystore(path, answer(PASSPHRASE)), "PASSPHRASE_WRONG");
    }
    writeFileSync(path, JSON.stringify(file));
    await openKeystore(path, answer(PASSPHRASE));
  });

  test("takes the composed and the decomposed spelling of one passphrase", async () => {
    const path = newPath();
    const secrets = newSecrets();
    await createKeystore(path, { profileId: newProfileId(), secrets, passphrase: "schl\u00fcssel" });
    expect(plain((await openKeystore(path, answer("schlu\u0308ssel"))).secrets)).toEqual(plain(secrets));
  });

  test("is written again under the same passphrase without asking, and never with the same nonce", async () => {
    const { path, keystore } = await sealed();
    const before = readJson(path);
    const replaced = { ...newSecrets(), identitySeed: keystore.secrets.identitySeed };
    await rewriteKeystore(path, keystore, replaced);
    expect(readJson(path)["nonce"]).not.toBe(before["nonce"]);
    expect(plain((await openKeystore(path, answer(PASSPHRASE))).secrets)).toEqual(plain(replaced));
  });

  test("gets another passphrase, or none, around the same secrets", async () => {
    const { path, secrets, keystore } = await sealed();
    const changed = await changePassphrase(path, keystore, "another");
    await expectError(openKeystore(path, answer(PASSPHRASE)), "PASSPHRASE_WRONG");
    expect(plain((await openKeystore(path, answer("another"))).secrets)).toEqual(plain(secrets));
    await expectError(changePassphrase(path, changed, ""), "USAGE");
    await changePassphrase(path, changed, undefined);
    expect(plain((await openKeystore(path, nobody)).secrets)).toEqual(plain(secrets));
  });
});

describe("a keystore", () => {
  test("opens without a passphrase where it has none", async () => {
    const path = newPath();
    const secrets = newSecrets();
    await createKeystore(path, { profileId: newProfileId(), secrets, passphrase: undefined });
    expect(plain((await openKeystore(path, nobody)).secrets)).toEqual(plain(secrets));
  });

  test("is not made over another one, nor with an empty passphrase", async () => {
    const fresh = { profileId: newProfileId(), secrets: newSecrets() };
    const { path } = await sealed();
    const before = readFileSync(path);
    await expectError(createKeystore(path, { ...fresh, passphrase: undefined }), "PROFILE_EXISTS");
    expect(readFileSync(path)).toEqual(before);
    const empty = newPath();
    await expectError(createKeystore(empty, { ...fresh, passphrase: "" }), "USAGE");
    await expectError(openKeystore(empty, nobody), "PROFILE_MISSING");
  });

  test.each([
    "",
    "{}",
    "null",
    "not JSON",
    '{"v":2,"protection":"none"}',
    '{"v":1,"protection":"none","profileId":"00112233445566778899aabbccddeeff","secrets":{}}',
    '{"v":1,"protection":"rot13","profileId":"00112233445566778899aabbccddeeff"}',
  ])("is damaged if it says %j", async (text) => {
    const path = newPath();
    writeFileSync(path, text);
    await expectError(openKeystore(path, nobody), "STORE_CORRUPT");
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  test("is damaged with a member too many, or a secret that is too short", async () => {
    const path = newPath();
    await createKeystore(path, { profileId: newProfileId(), secrets: newSecrets(), passphrase: undefined });
    const file = readJson(path);
    const secrets = file["secrets"] as object;
    for (const change of [{ more: 1 }, { secrets: { ...secrets, dataKey: "AAAA" } }, { v: 2 }]) {
      writeFileSync(path, JSON.stringify({ ...file, ...change }));
      await expectError(openKeystore(path, nobody), "STORE_CORRUPT");
    }
  });
});
