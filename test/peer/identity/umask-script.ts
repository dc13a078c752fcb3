import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createKeystore, newProfileId, newSecrets } from "../../../peer/identity/keystore.ts";
import { openProfileDirectory } from "../../../peer/identity/profile-directory.ts";
import { writeProfile } from "../../../peer/identity/profile-file.ts";
import { tryAcquireProfileLock } from "../../../peer/identity/profile-lock.ts";
import { deviceIdOf } from "../../../shared/device-id.ts";
import { publicKeyOfSeed } from "../../../shared/ed25519.ts";
import { parseUsername } from "../../../shared/username.ts";

// node umask-script.ts <umask> <home>: makes every file of a profile and prints the modes

const [umask = "", home = ""] = process.argv.slice(2);
process.umask(Number.parseInt(umask, 8));

const directory = openProfileDirectory({ home, profile: "default", create: true });
const lock = tryAcquireProfileLock(directory);
const secrets = newSecrets();
const profileId = newProfileId();
await createKeystore(directory.file("keystore.json"), { profileId, secrets, passphrase: undefined });
await writeProfile(directory.file("profile.json"), {
  v: 1,
  profileId,
  username: parseUsername("alice"),
  peerId: deviceIdOf(publicKeyOfSeed(secrets.deviceSeed)),
  server: "http://127.0.0.1:8080",
  allowLocal: true,
});

const names = [".", ...readdirSync(directory.path)];
const modeOf = (name: string) => (lstatSync(join(directory.path, name)).mode & 0o7777).toString(8);
console.log(JSON.stringify(Object.fromEntries(names.map((name) => [name, modeOf(name)]))));
if ("release" in lock) lock.release();
