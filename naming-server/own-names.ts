import { ChatError } from "../shared/errors.ts";
import { parseNameRecord } from "../shared/name-record.ts";
import type { Store } from "./storage/store.ts";

/**
 * Every record names the public URL that it was made for: under another one nobody would believe it, and of two servers with
 * one database each would sign the log that the other had signed. A database without names may go to any.
 *
 * @throws ChatError CONFIG_INVALID
 */
export async function assertOwnNames(store: Pick<Store, "listLeaves" | "findName">, publicUrl: string): Promise<void> {
  const [first] = await store.listLeaves(0, 1);
  const found = first && (await store.findName(first.name));
  if (found === undefined) return;
  const { aud } = parseNameRecord(found.record).payload;
  if (aud === publicUrl) return;
  throw new ChatError(
    "CONFIG_INVALID",
    `the names in the database were registered with ${aud}, not ${publicUrl}; set PUBLIC_URL to it, or use another database`,
  );
}
