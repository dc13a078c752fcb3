import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { PROBLEM_MEDIA_TYPE } from "../shared/api.ts";
import { ChatError, type ErrorCode } from "../shared/errors.ts";
import { toProblem } from "./problem.ts";
import { SECURITY_HEADERS } from "./reply.ts";

type Refusal = { readonly status: number; readonly code: ErrorCode; readonly detail: string };

const NOT_HTTP: Refusal = { status: 400, code: "REQUEST_INVALID", detail: "the request is not well-formed HTTP" };
const EXPECTATION: Refusal = { status: 417, code: "REQUEST_INVALID", detail: "only 100-continue may be expected" };

/** By the code of Node's error; whatever else its parser refuses is no HTTP. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: { status: 431, code: "REQUEST_INVALID", detail: "the headers are too long" },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, code: "BODY_TOO_LARGE", detail: "the chunk extensions are too long" },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, code: "TIMED_OUT", detail: "the request did not come in time" },
};

/** Answers what never becomes a request of the interface with problem details as well, and closes the connection. */
export function refuseMalformed(server: Server): void {
  const answering = new WeakMap<Duplex, ServerResponse>();
  server.prependListener("request", (req: IncomingMessage, res: ServerResponse) => answering.set(req.socket, res));
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    const { headersSent = false, writableFinished = false } = answering.get(socket) ?? {};
    const isHalfway = headersSent && !writableFinished;
    if (error.code === "ECONNRESET" || !socket.writable || isHalfway) socket.destroy(error);
    else socket.end(responseOf(REFUSALS[error.code ?? ""] ?? NOT_HTTP), () => socket.destroy());
  });
  server.on("checkExpectation", (_req: IncomingMessage, res: ServerResponse) => {
    const body = bodyOf(EXPECTATION);
    res.writeHead(EXPECTATION.status, headersOf(body));
    res.end(body);
  });
}

function bodyOf({ status, code, detail }: Refusal): string {
  const title = STATUS_CODES[status] ?? "Error";
  return JSON.stringify({ ...toProblem(new ChatError(code, detail)), status, title, detail });
}

function headersOf(body: string) {
  return {
    ...SECURITY_HEADERS,
    "content-type": PROBLEM_MEDIA_TYPE,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    connection: "close",
  };
}

function responseOf(refusal: Refusal): string {
  const body = bodyOf(refusal);
  const headers = Object.entries(headersOf(body)).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}`, ...headers, "", body].join("\r\n");
}
