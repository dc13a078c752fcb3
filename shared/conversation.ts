import { compareBytes, concat } from "./bytes.ts";
import { hashWithDomain } from "./hash.ts";
import { HASH_DOMAINS } from "./protocol.ts";

/**
 * The id of the direct conversation of two people, the same on both sides and for all their devices: 32 bytes over
 * both names, so that it outlives a change of keys.
 */
export function directConversation(a: string, b: string): Uint8Array {
  const names = [a, b].map((name) => Buffer.from(name, "utf8")).sort(compareBytes);
  const framed = names.map((name) => concat(Uint8Array.of(name.length), name));
  return hashWithDomain(HASH_DOMAINS.directConversation, concat(...framed));
}
