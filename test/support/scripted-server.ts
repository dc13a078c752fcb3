import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

/** A request as it came in, its body read. `path` holds the query too. */
export type SeenRequest = {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
};

export type FullAnswer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
};

/** `hang`: no answer ever. `reset`: the connection is cut. A function takes the raw response over. */
export type ScriptedAnswer = FullAnswer | "hang" | "reset" | ((response: ServerResponse) => void);

export type Script = (request: SeenRequest) => ScriptedAnswer | Promise<ScriptedAnswer>;

export interface ScriptedServer extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly SeenRequest[];
  /** How many connections were ever made. */
  readonly connections: number;
  close(): Promise<void>;
}

/** An HTTP server on a free port of 127.0.0.1 that answers what `script` says. */
export async function startScriptedServer(
  script: Script,
  tls?: { readonly cert: string; readonly key: string },
): Promise<ScriptedServer> {
  const requests: SeenRequest[] = [];
  let connections = 0;
  const onRequest = async (incoming: IncomingMessage, response: ServerResponse) => {
    const request = await readRequest(incoming);
    requests.push(request);
    perform(await script(request), response);
  };
  const listener = (incoming: IncomingMessage, response: ServerResponse) => {
    onRequest(incoming, response).catch((error: unknown) => {
      response.writeHead(500, { "content-type": "text/plain" }).end(String(error));
    });
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.on("connection", () => {
    connections += 1;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    requests,
    get connections() {
      return connections;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function readRequest(incoming: IncomingMessage): Promise<SeenRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  const { method = "", url: path = "", headers } = incoming;
  return { method, path, headers, body: Buffer.concat(chunks) };
}

function perform(answer: ScriptedAnswer, response: ServerResponse): void {
  if (answer === "hang") return;
  if (answer === "reset") {
    response.destroy();
  } else if (typeof answer === "function") {
    answer(response);
  } else {
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }
}

export function json(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): FullAnswer {
  return { status, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(value) };
}

export function problem(status: number, code: string, facts: Readonly<Record<string, unknown>> = {}): FullAnswer {
  const body = { type: "about:blank", title: "Refused", status, code, ...facts };
  return json(body, status, { "content-type": "application/problem+json" });
}
