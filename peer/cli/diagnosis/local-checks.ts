import type { ProfileInsight } from "../context.ts";
import { bad, type Check, ok, warn } from "./check.ts";

const MEBIBYTE = 1024 * 1024;
/** Less, and a message that comes may find no room. */
const TIGHT_BYTES = 8 * MEBIBYTE;
const SCARCE_BYTES = 256 * MEBIBYTE;
/** `engines` of the package, which starts no program on less. */
const FLOOR = [24, 15] as const;

export type Versions = { readonly p2pchat: string; readonly node: string; readonly sqlite: string };

/** What this machine says about itself and the profile, whatever state that is in. */
export function localChecks(insight: ProfileInsight, versions: Versions): readonly Check[] {
  return [
    versionsCheck(versions),
    profileCheck(insight),
    keysCheck(insight),
    filesCheck(insight),
    diskCheck(insight),
    databaseCheck(insight),
  ];
}

function versionsCheck({ p2pchat, node, sqlite }: Versions): Check {
  const message = `p2pchat ${p2pchat}, Node ${node}, SQLite ${sqlite}`;
  const [major = 0, minor = 0] = node.split(".").map(Number);
  const isTooOld = major < FLOOR[0] || (major === FLOOR[0] && minor < FLOOR[1]);
  return isTooOld ? warn("versions", message, `Install Node ${FLOOR.join(".")} or newer.`) : ok("versions", message);
}

function profileCheck({ profile, path }: ProfileInsight): Check {
  if (profile === null) return bad("profile", { code: "PROFILE_MISSING", message: `nobody is registered in ${path}` });
  if ("code" in profile) return bad("profile", profile);
  return ok("profile", `${profile.username} at ${profile.server}, in ${path}`);
}

function keysCheck({ sealed, profile }: ProfileInsight): Check {
  if (sealed === null && profile === null) return ok("keys", "none yet");
  if (sealed === null) return bad("keys", { code: "STORE_CORRUPT", message: "the keys of this profile are missing" });
  if (typeof sealed === "object") return bad("keys", sealed);
  if (sealed) return ok("keys", "sealed by a passphrase");
  return warn("keys", "not sealed: who gets at the disk has them", "Seal them with p2pchat key change-passphrase.");
}

function filesCheck({ exposed }: ProfileInsight): Check {
  if (exposed.length === 0) return ok("files", "nobody else may read them");
  const shown = exposed.slice(0, 5).join(", ");
  return warn(
    "files",
    `others could read or write ${shown}`,
    "Every command narrows them; find out what widened them.",
  );
}

function diskCheck({ freeBytes }: ProfileInsight): Check {
  const message = `${sizeOf(freeBytes)} free`;
  if (freeBytes < TIGHT_BYTES) {
    return bad("disk", { code: "STORAGE", message }, "Make room: messages that come may not find any.");
  }
  return freeBytes < SCARCE_BYTES ? warn("disk", message, "Make room before it runs out.") : ok("disk", message);
}

function databaseCheck({ database, profile }: ProfileInsight): Check {
  if (database === null) {
    if (profile === null) return ok("database", "none yet");
    return bad("database", { code: "STORE_CORRUPT", message: "chat.db is missing" });
  }
  const { bytes, schema, newestSchema, damage } = database;
  const [first] = damage;
  if (first !== undefined) return bad("database", { code: "STORE_CORRUPT", message: `chat.db is damaged: ${first}` });
  if (schema > newestSchema) {
    const message = `a newer p2pchat has written it (schema ${schema}, this one knows ${newestSchema})`;
    return bad("database", { code: "STORE_CORRUPT", message }, "Update p2pchat.");
  }
  return ok("database", `whole, ${sizeOf(bytes)}, schema ${schema} of ${newestSchema}`);
}

function sizeOf(bytes: number): string {
  const mebibytes = bytes / MEBIBYTE;
  if (mebibytes >= 1024) return `${(mebibytes / 1024).toFixed(1)} GiB`;
  return mebibytes >= 1 ? `${Math.round(mebibytes)} MiB` : `${Math.ceil(bytes / 1024)} KiB`;
}
