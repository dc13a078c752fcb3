import { X509Certificate } from "node:crypto";
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { abortReason } from "../../shared/abort-reason.ts";
import { ChatError } from "../../shared/errors.ts";
import { unreachable } from "./connection-error.ts";
import type { ServerUrl } from "./server-url.ts";

export type Request = {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** Below the server's URL, with a leading slash. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
};

export type Answer = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Uint8Array };

/** Sends a request and answers 2xx, or 304 where that was asked for; everything else is thrown. */
export type Call = (request: Request, signal: AbortSignal | undefined) => Promise<Answer>;

/** One server's connections. Redirects are answers like any other: they are never followed. */
export interface HttpClient {
  /**
   * @throws ChatError SERVER_UNREACHABLE (reason `refused`, `dns`, `timeout`, `tls`, `connection`), SERVER_ERROR (reason
   *   `http`, `size`); `abortReason` of the signal
   */
  send(request: Request, signal?: AbortSignal): Promise<Answer>;
  /**
   * The same for an answer that lasts, over a connection of its own: with 200, `stream` is its body as it arrives, until
   * `signal` ends it. Reading it throws as `send`.
   */
  open(request: Request, signal: AbortSignal): Promise<Answer & { readonly stream?: AsyncIterable<Uint8Array> }>;
  /** Ends every connection, requests under way included. */
  close(): void;
}

export type HttpOptions = {
  readonly url: ServerUrl;
  /** PEM text of the authorities to trust in place of the system's. */
  readonly ca?: string | undefined;
  readonly timeoutMs?: number;
  readonly answerMaxBytes?: number;
};

const TIMEOUT_MS = 10_000;
/** A list of 40 000 people online. */
const ANSWER_MAX_BYTES = 4 * 1024 * 1024;
const MAX_CONNECTIONS = 8;

/** `node:http` itself: `fetch` would cost every command 30 ms before its first byte. @throws ChatError CONFIG_INVALID */
export function createHttpClient(options: HttpOptions): HttpClient {
  const { url, ca, timeoutMs = TIMEOUT_MS, answerMaxBytes = ANSWER_MAX_BYTES } = options;
  if (ca !== undefined) assertCertificate(ca);
  const secure = url.startsWith("https:");
  const pool = { keepAlive: true, maxSockets: MAX_CONNECTIONS };
  const agent = secure ? new HttpsAgent({ ...pool, ...(ca !== undefined && { ca }) }) : new HttpAgent(pool);
  const open = secure ? httpsRequest : httpRequest;
  let closed = false;

  async function attempt(request: Request, signal: AbortSignal, retried: boolean): Promise<Answer> {
    const { method, path, body = "" } = request;
    const headers = { ...DEFAULT_HEADERS, "content-length": Buffer.byteLength(body), ...request.headers };
    const outgoing = open(`${url}${path}`, { agent, method, headers, signal });
    try {
      return await exchange(outgoing, body, answerMaxBytes);
    } catch (error) {
      // The server closed an idle connection at the moment it was used again: nothing is wrong with the server.
      const stale = outgoing.reusedSocket && error instanceof Error && "code" in error && error.code === "ECONNRESET";
      if (stale && !retried && !closed) return attempt(request, signal, true);
      throw error;
    }
  }

  return {
    async send(request, signal) {
      if (signal?.aborted) throw abortReason(signal);
      const deadline = AbortSignal.timeout(timeoutMs);
      try {
        return await attempt(request, signal === undefined ? deadline : AbortSignal.any([signal, deadline]), false);
      } catch (error) {
        if (signal?.aborted) throw abortReason(signal);
        throw unreachable(error, { url, timedOut: deadline.aborted });
      }
    },
    async open({ method, path, headers }, signal) {
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(), timeoutMs);
      const own = secure ? { agent: false, ...(ca !== undefined && { ca }) } : { agent: false };
      const options = { ...own, method, headers: { ...DEFAULT_HEADERS, ...headers } } as const;
      const explain = (error: unknown) => {
        if (signal.aborted) return abortReason(signal);
        return unreachable(error, { url, timedOut: deadline.signal.aborted });
      };
      try {
        const outgoing = open(`${url}${path}`, { ...options, signal: AbortSignal.any([signal, deadline.signal]) });
        const response = await responseTo(outgoing);
        const { statusCode: status = 0, headers: got } = response;
        if (status === 200)
          return { status, headers: got, body: new Uint8Array(), stream: explained(response, explain) };
        return { status, headers: got, body: await readAll(response, answerMaxBytes) };
      } catch (error) {
        throw explain(error);
      } finally {
        clearTimeout(timer);
      }
    },
    close() {
      closed = true;
      agent.destroy();
    },
  };
}

function responseTo(outgoing: ClientRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  outgoing.on("error", reject);
  outgoing.on("response", resolve);
  outgoing.end();
  return promise;
}

async function* explained(response: IncomingMessage, explain: (error: unknown) => ChatError) {
  try {
    for await (const chunk of response as AsyncIterable<Uint8Array>) yield chunk;
  } catch (error) {
    throw explain(error);
  }
}

const DEFAULT_HEADERS = { accept: "application/json", "accept-encoding": "identity", "user-agent": "p2pchat" };

function exchange(outgoing: ClientRequest, body: string, maxBytes: number): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  outgoing.on("error", reject);
  outgoing.on("response", (response) => {
    readAll(response, maxBytes).then(
      (bytes) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes }),
      reject,
    );
  });
  outgoing.end(body);
  return promise;
}

async function readAll(response: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) {
      throw new ChatError("SERVER_ERROR", "the naming server's answer is too large", { reason: "size" });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

function assertCertificate(pem: string): void {
  try {
    new X509Certificate(pem);
  } catch (cause) {
    throw new ChatError("CONFIG_INVALID", "the naming server's CA is no PEM certificate", { cause });
  }
}
