import { ChatError, isChatError } from "../shared/errors.ts";
import type { Programs } from "./cli/context.ts";
import { openKeystore } from "./identity/keystore.ts";
import { KEYSTORE_FILE } from "./open-profile.ts";

export const isSealed: Programs["isSealed"] = async (directory) => {
  try {
    await openKeystore(directory.file(KEYSTORE_FILE), () =>
      Promise.reject(new ChatError("PASSPHRASE_REQUIRED", "sealed")),
    );
    return false;
  } catch (error) {
    if (isChatError(error, "PASSPHRASE_REQUIRED")) return true;
    throw error;
  }
};

/** The keys that are opened on the way are not kept. */
export const checkPassphrase: Programs["checkPassphrase"] = async (directory, passphrase) => {
  await openKeystore(directory.file(KEYSTORE_FILE), async () => passphrase);
};
