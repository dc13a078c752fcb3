import { relayAcceptedSchema } from "../../shared/api.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import { ChatError } from "../../shared/errors.ts";
import { JOSE_MEDIA_TYPE } from "../../shared/protocol.ts";
import { readAnswer } from "./answer.ts";
import { createAudience } from "./audience.ts";
import type { Clock } from "./clock.ts";
import { createHttpClient } from "./http.ts";
import { createOpenCall } from "./open-call.ts";
import { parseServerUrl } from "./server-url.ts";

export type RelayListOptions = {
  /** Of the naming server. */
  readonly url: string;
  readonly allowHttp: boolean;
  /** PEM text of the authorities to trust in place of the system's. */
  readonly ca?: string | undefined;
  readonly clock: Clock;
};

/**
 * What a relay needs of a naming server: it has neither a name nor a token, its descriptor authorises itself. A refusal
 * (RECORD_EXPIRED; RECORD_INVALID with reason `lifetime` or `aud`) may teach `clock` and `audience`: whoever signed the
 * descriptor signs it again, and repeats.
 */
export interface RelayList {
  /** How the server spells its URL, as far as it is known. */
  readonly audience: string;
  /**
   * Puts the relay on the list, or takes it off.
   * @throws ChatError FORBIDDEN, RELAYS_FULL, RECORD_CONFLICT, RECORD_INVALID, RECORD_EXPIRED, RATE_LIMITED,
   *   SERVER_MISMATCH, and as `HttpClient.send`
   */
  publishRelay(relay: DeviceId, descriptor: string, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** @throws ChatError CONFIG_INVALID, HTTP_REFUSED */
export function createRelayList({ url: typed, allowHttp, ca, clock }: RelayListOptions): RelayList {
  const url = parseServerUrl(typed, { allowHttp });
  const http = createHttpClient({ url, ca });
  const audience = createAudience(undefined, url);
  const { call } = createOpenCall({ http, clock, audience });
  return {
    get audience() {
      return audience.current;
    },
    async publishRelay(relay, descriptor, signal) {
      const headers = { "content-type": JOSE_MEDIA_TYPE };
      const answer = await call({ method: "PUT", path: `/v1/relays/${relay}`, headers, body: descriptor }, signal);
      if (readAnswer(answer, relayAcceptedSchema).relay === relay) return;
      throw new ChatError("SERVER_ERROR", "the server lists another relay than the one sent", { reason: "record" });
    },
    close: () => http.close(),
  };
}
