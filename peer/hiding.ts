import type { ProfileDirectory } from "./cli/context.ts";
import { type Profile, writeProfile } from "./identity/profile-file.ts";
import type { Hiding } from "./messaging/hiding.ts";
import { PROFILE_FILE } from "./open-profile.ts";

/** Kept in `profile.json`, so that a profile is hidden from its first start on. */
export function createHiding(directory: ProfileDirectory, { hidden, ...others }: Profile): Hiding {
  let isHidden = hidden === true;
  return {
    get hidden() {
      return isHidden;
    },
    async set(next) {
      await writeProfile(directory.file(PROFILE_FILE), next ? { ...others, hidden: true } : others);
      isHidden = next;
    },
  };
}
