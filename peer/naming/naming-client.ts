import { tokenSchema } from "../../shared/api.ts";
import { ChatError, isChatError } from "../../shared/errors.ts";
import type { NamingServer } from "../messaging/ports/naming-server.ts";
import { readAnswer } from "./answer.ts";
import { tellingTime } from "./answer-time.ts";
import { createAudience } from "./audience.ts";
import type { Clock } from "./clock.ts";
import { type Answer, type Call, createHttpClient, type Request } from "./http.ts";
import { createLogSource, type LogSource } from "./log/log-source.ts";
import { createLookups } from "./lookups.ts";
import { createOpenCall } from "./open-call.ts";
import { createPresenceWatch, type OpenStream, type Timers } from "./presence-watch.ts";
import { createPublishing } from "./publishing.ts";
import { createRelayLookup } from "./relay-lookup.ts";
import { parseServerUrl } from "./server-url.ts";
import { type Credentials, createAccessTokens, type GrantedToken } from "./tokens.ts";

export type NamingClientOptions = {
  readonly url: string;
  /** The server's own spelling of its URL, where this profile is registered already. */
  readonly audience?: string | undefined;
  readonly allowHttp?: boolean;
  /** PEM text of the authorities to trust in place of the system's. */
  readonly ca?: string | undefined;
  /** What a naming server by invitation asks for, with a new name. */
  readonly invite?: string | undefined;
  /** Without them only a name can be registered. */
  readonly credentials?: Credentials | undefined;
  readonly clock: Clock;
  readonly randomId: () => string;
  readonly timers: Timers;
  /** The spelling of the URL that the server asked for at first contact. */
  readonly onAudience?: (audience: string) => void;
  /** When the server says that it made an answer, milliseconds since the Unix epoch. */
  readonly onTime?: (serverTimeMs: number) => void;
};

/**
 * A refused record may have taught the client the server's time (CLOCK_SKEW; of addresses RECORD_EXPIRED and `lifetime`)
 * or URL (reason `aud`): whoever signed the record signs it again with `clock` and `audience`, and repeats.
 */
export interface NamingClient extends NamingServer {
  readonly log: LogSource;
  /** Where this computer reaches it. */
  readonly url: string;
  /** The URL that records and assertions are to name. */
  readonly audience: string;
  close(): void;
}

/** @throws ChatError CONFIG_INVALID, HTTP_REFUSED */
export function createNamingClient(options: NamingClientOptions): NamingClient {
  const { ca, clock, credentials, randomId, timers, onTime = () => undefined } = options;
  const url = parseServerUrl(options.url, { allowHttp: options.allowHttp ?? false });
  const http = tellingTime(createHttpClient({ url, ca }), onTime);
  const audience = createAudience(options.audience, url, options.onAudience);

  const { call, refusalOf } = createOpenCall({ http, clock, audience });
  const exchange = async (assertion: string) => toGrant(await call(tokenRequest(assertion), undefined));
  const tokens = credentials && createAccessTokens({ credentials, audience, clock, randomId, exchange });

  /** Sends with a token, and once more with a new one where the server no longer takes it. */
  async function authorise<T>(
    request: Request,
    signal: AbortSignal | undefined,
    send: (request: Request) => Promise<T>,
  ): Promise<T> {
    if (tokens === undefined) throw new ChatError("TOKEN_MISSING", "this needs a registered profile");
    const token = await tokens.get(signal);
    try {
      return await send(withToken(request, token));
    } catch (error) {
      if (!isChatError(error, "TOKEN_INVALID", "TOKEN_MISSING")) throw error;
      tokens.forget(token);
      return send(withToken(request, await tokens.get(signal)));
    }
  }

  const authorised: Call = (request, signal) => authorise(request, signal, (signed) => call(signed, signal));

  const openStream: OpenStream = (request, signal) =>
    authorise(request, signal, async (signed) => {
      const answer = await http.open(signed, signal);
      if (answer.stream !== undefined) return answer.stream;
      throw refusalOf(answer);
    });

  return {
    ...createLookups({ call: authorised, clock }),
    ...createRelayLookup({ call: authorised, clock, audience }),
    ...createPresenceWatch(openStream, timers),
    log: createLogSource(call),
    url,
    ...createPublishing({ open: call, authorised, device: credentials?.device, invite: options.invite }),
    get audience() {
      return audience.current;
    },
    close: () => http.close(),
  };
}

/** RFC 7523 2.2. */
function tokenRequest(assertion: string): Request {
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: assertion,
  });
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  return { method: "POST", path: "/v1/token", headers, body: form.toString() };
}

function toGrant(answer: Answer): GrantedToken {
  const { access_token: token, expires_in: lifetimeSeconds } = readAnswer(answer, tokenSchema);
  return { token, lifetimeSeconds };
}

function withToken(request: Request, token: string): Request {
  return { ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } };
}
