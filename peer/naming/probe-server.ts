import * as z from "zod";
import { utf8Text } from "../../shared/bytes.ts";
import { ChatError } from "../../shared/errors.ts";
import { errorOf } from "./answer.ts";
import { type Answer, createHttpClient, type HttpClient } from "./http.ts";
import { parseServerUrl } from "./server-url.ts";

/** What a naming server says to anybody, without a name or a key. */
export type ServerProbe = {
  readonly url: string;
  /** How it spells its own URL. */
  readonly publicUrl: string;
  /** Of its REST interface. */
  readonly apiVersion: string;
  readonly latencyMs: number;
  /** Its clock minus this computer's, to about a second; null where it does not say. */
  readonly clockOffsetMs: number | null;
};

const TIMEOUT_MS = 5000;

const descriptionSchema = z.object({
  info: z.object({ version: z.string().max(32) }),
  servers: z.array(z.object({ url: z.url().max(256) })).length(1),
});

type ProbeOptions = {
  readonly url: string;
  readonly allowHttp: boolean;
  readonly ca: string | undefined;
  /** Milliseconds since the Unix epoch, by this computer's clock. */
  readonly now: () => number;
  readonly signal: AbortSignal;
};

/** @throws ChatError CONFIG_INVALID, HTTP_REFUSED, SERVER_UNREACHABLE, SERVER_ERROR and the like; what aborted `signal` */
export async function probeServer({ url: typed, allowHttp, ca, now, signal }: ProbeOptions): Promise<ServerProbe> {
  const url = parseServerUrl(typed, { allowHttp });
  const http = createHttpClient({ url, ca, timeoutMs: TIMEOUT_MS });
  try {
    const beforeMs = now();
    const { headers } = await ask(http, "/readyz", signal);
    const afterMs = now();
    const { info, servers } = readDescription(await ask(http, "/v1/openapi.json", signal));
    return {
      url,
      publicUrl: servers[0]?.url ?? url,
      apiVersion: info.version,
      latencyMs: afterMs - beforeMs,
      clockOffsetMs: offset(headers.date, (beforeMs + afterMs) / 2),
    };
  } finally {
    http.close();
  }
}

async function ask(http: HttpClient, path: string, signal: AbortSignal): Promise<Answer> {
  const answer = await http.send({ method: "GET", path }, signal);
  if (answer.status === 404) throw new ChatError("SERVER_ERROR", "that is no naming server", { reason: "http" });
  if (answer.status !== 200) throw errorOf(answer);
  return answer;
}

/** Deeper than answers to a program are, so not read as one of those. */
function readDescription({ body }: Answer): z.infer<typeof descriptionSchema> {
  try {
    return descriptionSchema.parse(JSON.parse(utf8Text(body)));
  } catch (cause) {
    throw new ChatError("SERVER_ERROR", "that is no naming server", { reason: "body", cause });
  }
}

/** The header has whole seconds, rounded down: on average it is half a second late. RFC 9110 6.6.1. */
function offset(date: string | undefined, atMs: number): number | null {
  const ms = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isNaN(ms) ? null : Math.round(ms + 500 - atMs);
}
