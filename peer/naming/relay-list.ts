import type { DeviceId } from "../../shared/device-id.ts";
import { JOSE_MEDIA_TYPE } from "../../shared/protocol.ts";
import { errorOf } from "./answer.ts";
import { createAudience } from "./audience.ts";
import type { Clock } from "./clock.ts";
import { createHttpClient } from "./http.ts";
import { parseServerUrl } from "./server-url.ts";

type Options = {
  readonly url: string;
  readonly allowHttp: boolean;
  readonly ca?: string | undefined;
  readonly clock: Clock;
};

/**
 * What a relay needs of a naming server: it has neither a name nor a token, its descriptor authorises itself. A refusal
 * may teach `clock` and `audience`: whoever signed the descriptor signs it again, and repeats.
 *
 * @throws ChatError CONFIG_INVALID, HTTP_REFUSED
 */
export function createRelayList({ url: typed, allowHttp, ca, clock }: Options) {
  const url = parseServerUrl(typed, { allowHttp });
  const http = createHttpClient({ url, ca });
  const audience = createAudience(undefined, url, undefined);
  return {
    get audience(): string {
      return audience.current;
    },
    async publishRelay(relay: DeviceId, descriptor: string, signal: AbortSignal): Promise<void> {
      const headers = { "content-type": JOSE_MEDIA_TYPE };
      const answer = await http.send({ method: "PUT", path: `/v1/relays/${relay}`, headers, body: descriptor }, signal);
      if (answer.status >= 200 && answer.status < 300) return;
      const error = errorOf(answer);
      const { serverTime, expectedAudience } = error.details ?? {};
      if (typeof serverTime === "number") clock.adopt(serverTime);
      if (typeof expectedAudience === "string") audience.adopt(expectedAudience);
      throw error;
    },
    close: () => http.close(),
  };
}
