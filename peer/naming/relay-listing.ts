import { relayAcceptedSchema } from "../../shared/api.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import { ChatError, isChatError } from "../../shared/errors.ts";
import { JOSE_MEDIA_TYPE } from "../../shared/protocol.ts";
import { readAnswer } from "./answer.ts";
import { createAudience } from "./audience.ts";
import type { Clock } from "./clock.ts";
import { createHttpClient } from "./http.ts";
import { createOpenCall } from "./open-call.ts";
import { parseServerUrl } from "./server-url.ts";

export type RelayListingOptions = {
  /** Of the naming server. */
  readonly url: string;
  readonly allowHttp?: boolean;
  /** PEM text of the authorities to trust in place of the system's. */
  readonly ca?: string | undefined;
  readonly clock: Clock;
  readonly relay: DeviceId;
};

/** What a descriptor is to be signed for. */
export type ListingTerms = { readonly audience: string; readonly nowMs: number };

/** A relay's place on the list of one naming server: it needs neither a name nor a token. */
export interface RelayListing {
  /**
   * Puts what `sign` makes on the list, and has it signed again where the server has taught its time or the spelling of
   * its URL meanwhile.
   * @throws ChatError FORBIDDEN, RELAYS_FULL, RECORD_CONFLICT, RECORD_INVALID, RATE_LIMITED, SERVER_MISMATCH, and as
   *   `HttpClient.send`
   */
  publish(sign: (terms: ListingTerms) => Promise<string>, signal?: AbortSignal): Promise<void>;
  /** Puts this descriptor on the list. */
  publishRelay(descriptor: string, signal?: AbortSignal): Promise<void>;
  close(): void;
}

/** Once for the time and once for the URL. */
const ATTEMPTS = 3;

/** @throws ChatError CONFIG_INVALID, HTTP_REFUSED */
export function createRelayListing(options: RelayListingOptions): RelayListing {
  const { ca, clock, relay } = options;
  const url = parseServerUrl(options.url, { allowHttp: options.allowHttp ?? false });
  const http = createHttpClient({ url, ca });
  const audience = createAudience(undefined, url);
  const { call } = createOpenCall({ http, clock, audience });

  async function publishRelay(descriptor: string, signal?: AbortSignal): Promise<void> {
    const headers = { "content-type": JOSE_MEDIA_TYPE };
    const answer = await call({ method: "PUT", path: `/v1/relays/${relay}`, headers, body: descriptor }, signal);
    const accepted = readAnswer(answer, relayAcceptedSchema);
    if (accepted.relay === relay) return;
    throw new ChatError("SERVER_ERROR", "the server lists another relay than the one sent", { reason: "record" });
  }

  return {
    publishRelay,
    async publish(sign, signal) {
      for (let attempt = 1; ; attempt += 1) {
        const terms = { audience: audience.current, nowMs: clock.now() };
        const { offsetMs } = clock;
        try {
          return await publishRelay(await sign(terms), signal);
        } catch (error) {
          const hasLearnt = audience.current !== terms.audience || clock.offsetMs !== offsetMs;
          const mayPass = isChatError(error, "RECORD_INVALID", "RECORD_EXPIRED") && hasLearnt;
          if (!mayPass || attempt >= ATTEMPTS) throw error;
        }
      }
    },
    close: () => http.close(),
  };
}
