import { randomUUID } from "node:crypto";
import type { Response } from "express";
import { PROBLEM_MEDIA_TYPE } from "../shared/api.ts";
import type { ChatError } from "../shared/errors.ts";
import { toProblem } from "./problem.ts";

/** On every answer. Nothing here is a page, so a browser that is lured here may do nothing with it. */
export const SECURITY_HEADERS = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
} as const;

/** After a fault of the database. */
const UNAVAILABLE_SECONDS = 5;

type Headers = Readonly<Record<string, string>>;

/** The id under which the logs know this request; not in bodies, which must not differ where the answer is the same. */
export function requestId(res: Response): string {
  res.locals.requestId ??= randomUUID();
  return String(res.locals.requestId);
}

/**
 * Answers directly: Express's `send` and its ETag cost more than the look-up, and a text leaves in one write with its
 * headers where a buffer would not.
 */
export function sendText(res: Response, status: number, body: string, headers: Headers): void {
  res.writeHead(status, {
    ...SECURITY_HEADERS,
    "x-request-id": requestId(res),
    "content-length": Buffer.byteLength(body),
    ...headers,
  });
  res.end(body);
}

export function sendJson(res: Response, status: number, value: object, headers: Headers = {}): void {
  sendText(res, status, JSON.stringify(value), {
    "content-type": "application/json",
    "cache-control": "no-store",
    ...headers,
  });
}

/** An answer without a body: 204 or 304. */
export function sendEmpty(res: Response, status: 204 | 304, headers: Headers = {}): void {
  res.writeHead(status, { ...SECURITY_HEADERS, "x-request-id": requestId(res), ...headers });
  res.end();
}

/**
 * Begins an answer that lasts until one side ends it, and the connection with it: so nothing in it needs a frame. No proxy
 * is to hold it back.
 */
export function startStream(res: Response, mediaType: string): void {
  res.useChunkedEncodingByDefault = false;
  res.writeHead(200, {
    ...SECURITY_HEADERS,
    "x-request-id": requestId(res),
    "content-type": mediaType,
    "cache-control": "no-store",
    "x-accel-buffering": "no",
    connection: "close",
  });
}

export function sendProblem(res: Response, error: ChatError): void {
  const problem = toProblem(error);
  sendJson(res, problem.status, problem, {
    "content-type": PROBLEM_MEDIA_TYPE,
    ...(problem.status === 401 && { "www-authenticate": challenge(error) }),
    ...retryAfter(error, problem.status),
    ...allowed(error),
  });
}

/** RFC 6750 3: no error code for a request that did not try. */
function challenge(error: ChatError): string {
  return error.code === "TOKEN_MISSING" ? "Bearer" : 'Bearer error="invalid_token"';
}

function retryAfter({ details }: ChatError, status: number): Headers {
  const seconds = details?.retryAfterSeconds ?? (status === 503 ? UNAVAILABLE_SECONDS : undefined);
  return typeof seconds === "number" ? { "retry-after": String(seconds) } : {};
}

function allowed(error: ChatError): Headers {
  const allow = error.details?.allow;
  return typeof allow === "string" ? { allow } : {};
}
