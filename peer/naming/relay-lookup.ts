import { relaysSchema } from "../../shared/api.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import { isChatError } from "../../shared/errors.ts";
import { type RelayDescriptor, verifyRelayDescriptor } from "../../shared/relay-descriptor.ts";
import type { NamingServer } from "../messaging/ports/naming-server.ts";
import { readAnswer } from "./answer.ts";
import type { Audience } from "./audience.ts";
import type { Clock } from "./clock.ts";
import type { Call } from "./http.ts";

type Deps = { readonly call: Call; readonly clock: Clock; readonly audience: Audience };

/** The list as it was answered last is asked for again only where it changed; each descriptor is judged anew. */
export function createRelayLookup({ call, clock, audience }: Deps): Pick<NamingServer, "relays"> {
  let known: { readonly etag: string; readonly texts: readonly string[] } | undefined;

  async function fetchList(signal: AbortSignal | undefined): Promise<readonly string[]> {
    const asked = known;
    const headers = asked === undefined ? {} : { "if-none-match": asked.etag };
    const answer = await call({ method: "GET", path: "/v1/relays", headers }, signal);
    if (answer.status === 304 && asked !== undefined) return asked.texts;
    const { relays } = readAnswer(answer, relaysSchema);
    const { etag } = answer.headers;
    known = etag === undefined ? undefined : { etag, texts: relays };
    return relays;
  }

  return {
    async relays(signal) {
      const texts = await fetchList(signal);
      return newestOf(texts, { nowMs: clock.now(), audience: audience.current });
    },
  };
}

/** Leaves out what does not verify, and relays that have withdrawn. */
async function newestOf(
  texts: readonly string[],
  rules: { nowMs: number; audience: string },
): Promise<readonly RelayDescriptor[]> {
  const newest = new Map<DeviceId, RelayDescriptor>();
  for (const text of texts) {
    const found = await verifyRelayDescriptor(text, rules).catch(asAbsent);
    if (found === undefined) continue;
    const { relay, seq } = found.payload;
    if (seq > (newest.get(relay)?.payload.seq ?? 0)) newest.set(relay, found);
  }
  return [...newest.values()].filter(({ payload }) => payload.addrs.length > 0);
}

function asAbsent(error: unknown): undefined {
  if (!isChatError(error)) throw error;
}
