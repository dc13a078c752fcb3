import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { encodeBase64url } from "../shared/base64url.ts";
import { ChatError } from "../shared/errors.ts";
import { hashOfInvite } from "./admission.ts";
import type { Config } from "./config.ts";
import { openStore, sqliteFileOf } from "./storage/open-store.ts";

const CODE_BYTES = 16;

type Invite = { readonly config: Config; readonly uses: number; readonly lifetimeSeconds: number };

/**
 * Makes an invite code, while the server runs or not. The database keeps its hash only: what is answered here is the
 * code's one copy.
 *
 * @throws ChatError STORAGE where there is no database yet; as `openStore`
 */
export async function makeInvite({ config, uses, lifetimeSeconds }: Invite, nowMs: number): Promise<string> {
  const file = sqliteFileOf(config.databaseUrl);
  if (file !== undefined && !existsSync(file)) {
    throw new ChatError("STORAGE", `there is no database ${file}; start the server once`);
  }
  const code = encodeBase64url(randomBytes(CODE_BYTES));
  const store = await openStore(config.databaseUrl);
  try {
    await store.addInvite({ hash: hashOfInvite(code), uses, expires: Math.floor(nowMs / 1000) + lifetimeSeconds });
    return code;
  } finally {
    await store.close();
  }
}
