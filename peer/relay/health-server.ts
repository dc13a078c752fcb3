import { createServer, type RequestListener, type Server } from "node:http";
import { ChatError } from "../../shared/errors.ts";
import type { Metrics } from "./metrics.ts";

type Options = {
  readonly port: number;
  readonly metrics: Metrics;
  /** Whether it takes new work. */
  readonly ready: () => boolean;
};

export type HealthServer = { readonly url: string; stop(): Promise<void> };

const HOST = "127.0.0.1";
const TEXT = "text/plain; version=0.0.4; charset=utf-8";

/**
 * `/metrics`, `/healthz` and `/readyz`, on loopback only.
 *
 * @throws ChatError CONFIG_INVALID with reason `listen`
 */
export async function startHealthServer({ port, metrics, ready }: Options): Promise<HealthServer> {
  const pages: Readonly<Record<string, () => { status: number; text: string }>> = {
    "/metrics": () => ({ status: 200, text: metrics.render() }),
    "/healthz": () => ({ status: 200, text: "ok\n" }),
    "/readyz": () => (ready() ? { status: 200, text: "ready\n" } : { status: 503, text: "not ready\n" }),
  };
  const answer: RequestListener = (req, res) => {
    const page = req.method === "GET" && req.url !== undefined ? pages[req.url] : undefined;
    const { status, text } = page?.() ?? { status: 404, text: "not found\n" };
    res.writeHead(status, { "content-type": TEXT }).end(text);
  };
  const server = createServer({ requestTimeout: 5000, headersTimeout: 5000 }, answer);
  server.maxConnections = 32;
  return { url: `http://${HOST}:${await listen(server, port)}`, stop: () => stop(server) };
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(new ChatError("CONFIG_INVALID", "the port of the metrics is not free", { reason: "listen", cause })),
    );
    server.listen(port, HOST, resolve);
  });
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
