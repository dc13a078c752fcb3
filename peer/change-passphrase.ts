import { existsSync } from "node:fs";
import { ChatError } from "../shared/errors.ts";
import type { Programs } from "./cli/context.ts";
import { openKeystore, changePassphrase as sealAnew } from "./identity/keystore.ts";
import { askNewPassphrase, askPassphrase } from "./identity/passphrase.ts";
import { KEYSTORE_FILE, NEXT_KEYSTORE_FILE, ROTATION_FILE } from "./open-profile.ts";

/** Seals the keys with another passphrase; the keys stay. The caller holds the profile's lock. */
export const changePassphrase: Programs["changePassphrase"] = async ({ settings, directory, newFile, signal }) => {
  if ([NEXT_KEYSTORE_FILE, ROTATION_FILE].some((name) => existsSync(directory.file(name)))) {
    throw new ChatError(
      "PROFILE_UNSAFE",
      "new keys of this profile are on their way; any command that asks the server ends that",
      {
        reason: "unfinished",
      },
    );
  }
  const { passphraseFile: file, passphraseCommand: command } = settings;
  const path = directory.file(KEYSTORE_FILE);
  const keystore = await openKeystore(path, () => askPassphrase({ file, command, signal }));
  await sealAnew(path, keystore, await askNewPassphrase({ file: newFile, signal }));
};
