import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findProfile, type Profile, writeProfile } from "../../../peer/identity/profile-file.ts";
import { deviceIdOf } from "../../../shared/device-id.ts";
import { publicKeyOfSeed } from "../../../shared/ed25519.ts";
import { parseUsername } from "../../../shared/username.ts";
import { expectError } from "../../support/expect-error.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const PROFILE: Profile = {
  v: 1,
  profileId: "00112233445566778899aabbccddeeff",
  username: parseUsername("alice"),
  peerId: deviceIdOf(publicKeyOfSeed(new Uint8Array(32).fill(7))),
  server: "https://names.example.org",
  allowLocal: false,
};

test("a profile reads back as it was written", async () => {
  const path = join(temporaryDirectory(), "profile.json");
  await writeProfile(path, PROFILE);
  expect(await findProfile(path)).toEqual(PROFILE);
});

test("a hidden profile reads back hidden", async () => {
  const path = join(temporaryDirectory(), "profile.json");
  await writeProfile(path, { ...PROFILE, hidden: true });
  expect(await findProfile(path)).toEqual({ ...PROFILE, hidden: true });
});

test("there is no profile where none was registered", async () => {
  expect(await findProfile(join(temporaryDirectory(), "profile.json"))).toBeUndefined();
});

test.each([
  { v: 2 },
  { profileId: "0011" },
  { profileId: PROFILE.profileId.toUpperCase() },
  { username: "Alice" },
  { peerId: "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N" },
  { server: "https://names.example.org/" },
  { server: "ftp://names.example.org" },
  { allowLocal: "yes" },
  { hidden: false },
  { more: true },
])("a profile with %j is damaged, and stays as it is", async (change) => {
  const path = join(temporaryDirectory(), "profile.json");
  const text = JSON.stringify({ ...PROFILE, ...change });
  writeFileSync(path, text);
  await expectError(findProfile(path), "STORE_CORRUPT");
  expect(readFileSync(path, "utf8")).toBe(text);
});

test("a profile that cannot be read says STORAGE", async () => {
  await expectError(findProfile(temporaryDirectory()), "STORAGE", "io");
});
