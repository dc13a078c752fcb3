import { readFileSync } from "node:fs";
import { ChatError } from "../../shared/errors.ts";
import { parseStrictJson } from "../../shared/strict-json.ts";
import type { ProfileDirectory } from "./context.ts";

/**
 * The peer id that `profile.json` states: enough to know the right daemon by, without opening the profile.
 *
 * @throws ChatError PROFILE_MISSING, STORE_CORRUPT
 */
export function readPeerId(directory: ProfileDirectory): string {
  const profile = parseStrictJson(readProfile(directory.file("profile.json")), "STORE_CORRUPT");
  if (typeof profile === "object" && profile !== null && "peerId" in profile && typeof profile.peerId === "string") {
    return profile.peerId;
  }
  throw new ChatError("STORE_CORRUPT", "profile.json names no peer id");
}

function readProfile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") {
      throw new ChatError("PROFILE_MISSING", "this profile has no name yet");
    }
    throw new ChatError("STORAGE", "profile.json cannot be read", { reason: "io", cause });
  }
}
