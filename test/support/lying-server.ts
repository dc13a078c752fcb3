import { request as httpRequest, type IncomingMessage } from "node:http";
import { type ScriptedAnswer, type ScriptedServer, type SeenRequest, startScriptedServer } from "./scripted-server.ts";

/** What the real server answered, read to its end. */
export type RealAnswer = { readonly status: number; readonly headers: Record<string, string>; readonly body: Buffer };

/**
 * Answers a request in place of the real server, or `undefined` to let the next lie, and at last the truth, through.
 * `ask` fetches the real answer, once whoever asks.
 */
export type Lie = (
  request: SeenRequest,
  ask: () => Promise<RealAnswer>,
) => ScriptedAnswer | undefined | Promise<ScriptedAnswer | undefined>;

export interface LyingServer extends ScriptedServer {
  /** Where the truth is; without it, all that no lie answers is 502. */
  forwardTo(url: string): void;
  /** Lies from now on, before what it lied already; the answer takes this lie back. */
  tell(lie: Lie): () => void;
  /** Takes every lie back. */
  repent(): void;
}

/**
 * A naming server that lies: a proxy on a free port of 127.0.0.1 in front of a real one (`lies.ts` has the usual lies).
 * Peers know it by URL. Either start it first and the real one with its URL as `PUBLIC_URL`, or start it with the real
 * one's URL: then clients adopt the real one's spelling at first contact.
 */
export async function startLyingServer(truth?: string): Promise<LyingServer> {
  const lies: Lie[] = [];
  let upstream = truth;

  const proxy = await startScriptedServer(async (request) => {
    let real: Promise<RealAnswer> | undefined;
    const ask = () => {
      real ??= forward(upstream, request).then(readWhole);
      return real;
    };
    for (const lie of lies.toReversed()) {
      const answer = await lie(request, ask);
      if (answer !== undefined) return answer;
    }
    return real ?? passOn(upstream, request);
  });

  return {
    ...proxy,
    get connections() {
      return proxy.connections;
    },
    forwardTo(url) {
      upstream = url;
    },
    tell(lie) {
      lies.push(lie);
      return () => void lies.splice(lies.indexOf(lie), 1);
    },
    repent() {
      lies.length = 0;
    },
  };
}

/** Streams the truth through as it comes, so that server-sent events arrive at once. */
async function passOn(upstream: string | undefined, request: SeenRequest): Promise<ScriptedAnswer> {
  if (upstream === undefined) return { status: 502 };
  const incoming = await forward(upstream, request);
  return (response) => {
    response.writeHead(incoming.statusCode ?? 502, headersOf(incoming));
    response.flushHeaders();
    incoming.on("error", () => response.destroy());
    response.on("close", () => incoming.destroy());
    incoming.pipe(response);
  };
}

function forward(upstream: string | undefined, { method, path, headers, body }: SeenRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  if (upstream === undefined) throw new Error("there is no truth to ask for");
  const outgoing = httpRequest(`${upstream}${path}`, { method, headers: { ...headers, host: new URL(upstream).host } });
  outgoing.on("error", reject);
  outgoing.on("response", resolve);
  outgoing.end(body);
  return promise;
}

async function readWhole(incoming: IncomingMessage): Promise<RealAnswer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  return { status: incoming.statusCode ?? 502, headers: headersOf(incoming), body: Buffer.concat(chunks) };
}

/** All but what belongs to the one connection it came over. */
function headersOf({ headers }: IncomingMessage): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name));
  return Object.fromEntries(kept.map(([name, value]) => [name, String(value)]));
}

const HOP_BY_HOP = new Set(["connection", "keep-alive", "transfer-encoding", "content-length"]);
