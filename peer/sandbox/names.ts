import { ChatError } from "../../shared/errors.ts";
import { parseUsername } from "../../shared/username.ts";

const NAMES = [
  ..."alice bob carol dave erin frank grace heidi ivan judy".split(" "),
  ..."mike niaj olivia peggy rupert sybil trent victor walter wendy".split(" "),
];
export const MAX_PEERS = 50;
export const MAX_RELAYS = 10;
/** What faults call the naming server: nobody can register it. */
export const SERVER = "server";

/** So many people by their usual names, or those that are named. @throws ChatError USAGE */
export function peerNames(peers: number | readonly string[]): readonly string[] {
  if (typeof peers !== "number") return named(peers);
  if (Number.isInteger(peers) && peers >= 0 && peers <= NAMES.length) return NAMES.slice(0, peers);
  throw new ChatError("USAGE", `a sandbox has from 0 to ${NAMES.length} peers; more can be had by their names`);
}

/** @throws ChatError USAGE */
export function relayNames(count: number): readonly string[] {
  if (Number.isInteger(count) && count >= 0 && count <= MAX_RELAYS) {
    return Array.from({ length: count }, (_, index) => `relay${index + 1}`);
  }
  throw new ChatError("USAGE", `a sandbox has from 0 to ${MAX_RELAYS} relays`);
}

function named(peers: readonly string[]): readonly string[] {
  const names = peers.map((name) => String(parseUsername(name)));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new ChatError("USAGE", `${twice} is named twice`);
  const taken = names.find((name) => /^relay\d+$/.test(name));
  if (taken !== undefined) throw new ChatError("USAGE", `${taken} is no name for a peer here`);
  if (names.length > MAX_PEERS) throw new ChatError("USAGE", `a sandbox has at most ${MAX_PEERS} peers`);
  return names;
}
