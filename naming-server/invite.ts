import { randomBytes } from "node:crypto";
import { encodeBase64url } from "../shared/base64url.ts";
import { hashOfInvite } from "./admission.ts";
import type { Config } from "./config.ts";
import { openExistingStore } from "./storage/open-store.ts";

const CODE_BYTES = 16;

type Invite = { readonly config: Config; readonly uses: number; readonly lifetimeSeconds: number };

/**
 * Makes an invite code, while the server runs or not. The database keeps its hash only: what is answered here is the
 * code's one copy.
 *
 * @throws ChatError as `openExistingStore`
 */
export async function makeInvite({ config, uses, lifetimeSeconds }: Invite, nowMs: number): Promise<string> {
  const code = encodeBase64url(randomBytes(CODE_BYTES));
  const store = await openExistingStore(config.databaseUrl);
  try {
    await store.addInvite({ hash: hashOfInvite(code), uses, expires: Math.floor(nowMs / 1000) + lifetimeSeconds });
    return code;
  } finally {
    await store.close();
  }
}
