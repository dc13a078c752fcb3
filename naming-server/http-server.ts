import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { ChatError } from "../shared/errors.ts";
import type { Config } from "./config.ts";
import { SERVER_LIMITS } from "./limits.ts";
import { refuseMalformed } from "./malformed-requests.ts";

/** @throws ChatError CONFIG_INVALID when the TLS files cannot be used */
export function createHttpServer(config: Config): Server {
  const server = createBareServer(config);
  refuseMalformed(server);
  return server;
}

function createBareServer({ tls }: Config): Server {
  const options = {
    headersTimeout: SERVER_LIMITS.headersTimeoutMs,
    requestTimeout: SERVER_LIMITS.requestTimeoutMs,
    keepAliveTimeout: SERVER_LIMITS.keepAliveTimeoutMs,
    connectionsCheckingInterval: SERVER_LIMITS.timeoutCheckEveryMs,
    maxHeaderSize: SERVER_LIMITS.headerMaxBytes,
    // The interface refuses such a request in words of its own.
    requireHostHeader: false,
  };
  if (tls === undefined) return createServer(options);
  try {
    return createTlsServer({ ...options, ...tls, handshakeTimeout: SERVER_LIMITS.headersTimeoutMs });
  } catch (cause) {
    throw new ChatError("CONFIG_INVALID", `the TLS files cannot be used: ${messageOf(cause)}`, { cause });
  }
}

/**
 * The URL, with the host as configured and the port that it got.
 *
 * @throws ChatError CONFIG_INVALID when the address is not to be had
 */
export function listen(server: Server, { host, port, tls }: Config): Promise<string> {
  return new Promise((resolve, reject) => {
    const refuse = (cause: Error) =>
      reject(new ChatError("CONFIG_INVALID", `cannot listen on ${host} port ${port}: ${cause.message}`, { cause }));
    server.once("error", refuse);
    server.listen({ host, port }, () => {
      server.off("error", refuse);
      const authority = host.includes(":") ? `[${host}]` : host;
      const { port: bound } = server.address() as AddressInfo;
      resolve(new URL(`${tls === undefined ? "http" : "https"}://${authority}:${bound}`).href.replace(/\/$/, ""));
    });
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "unreadable";
}
