import { connectToDaemon } from "../../peer/daemon/control-client.ts";
import { controlSocketCandidates } from "../../peer/daemon/control-socket-path.ts";
import type { Operations } from "../../peer/messaging/operations.ts";

const CONNECT_TIMEOUT_MS = 5000;
/** A daemon works on no more of one connection's calls at once. */
export const CALLS_PER_CONNECTION = 16;

type Owner = { readonly name: string; readonly profile: string };
type Listening = { readonly seen: readonly { readonly peerId?: unknown }[] };

/** One connection to the control socket of somebody's `listen`; it ends with the process. */
export async function callsOf(person: Owner, listening: Listening): Promise<Operations> {
  const paths = controlSocketCandidates(person.profile, {});
  const peerId = String(listening.seen[0]?.peerId);
  const { signal } = new AbortController();
  const client = await connectToDaemon({ paths, peerId, timeoutMs: CONNECT_TIMEOUT_MS, signal });
  if (client === undefined) throw new Error(`${person.name} does not answer`);
  return client.operations;
}
