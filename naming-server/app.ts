import express, { type Express, type NextFunction, type Request, type Response } from "express";
import type { Logger } from "pino";
import { ChatError } from "../shared/errors.ts";
import { toChatError } from "./problem.ts";
import { requestId, sendProblem } from "./reply.ts";
import { deviceRoutes } from "./routes/devices.ts";
import { healthRoutes } from "./routes/health.ts";
import { logRoutes } from "./routes/log.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import { nameRoutes } from "./routes/names.ts";
import { openapiRoutes } from "./routes/openapi.ts";
import { presenceRoutes } from "./routes/presence.ts";
import { relayRoutes } from "./routes/relays.ts";
import { type Api, admitOther } from "./routes/route.ts";
import { tokenRoutes } from "./routes/token.ts";
import type { Services } from "./services.ts";

/** The REST interface, version 1. The busiest routes come first: Express tries them in turn. */
export function createApp(services: Services, log: Logger): Express {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.enable("strict routing");
  app.enable("case sensitive routing");
  app.set("query parser", "simple");

  app.use(refuseAmbiguous);
  if (log.isLevelEnabled("debug")) app.use(logRequests(log));
  const api: Api = { router: app, services, operations: [] };
  nameRoutes(api);
  deviceRoutes(api);
  presenceRoutes(api);
  tokenRoutes(api);
  logRoutes(api);
  relayRoutes(api);
  healthRoutes(api);
  metricsRoutes(api);
  openapiRoutes(api);

  app.use((req: Request) => {
    admitOther(services, req);
    throw new ChatError("NOT_FOUND", "there is nothing at this path");
  });
  app.use((error: unknown, _req: Request, res: Response, _next: NextFunction) => {
    const known = toChatError(error);
    services.metrics.refusals.add(known.code);
    answerError(log, known, res);
  });
  return app;
}

const AT_MOST_ONCE: ReadonlySet<string> = new Set(["host", "authorization", "content-type", "content-encoding"]);

/** Node takes the first of two such headers; whoever stands in front of it may have taken the second. */
function refuseAmbiguous(req: Request, _res: Response, next: NextFunction): void {
  if (req.headers.host === undefined && req.httpVersion !== "1.0") {
    throw new ChatError("REQUEST_INVALID", "the header host is missing");
  }
  const seen = new Set<string>();
  for (let index = 0; index < req.rawHeaders.length; index += 2) {
    const name = req.rawHeaders[index]?.toLowerCase() ?? "";
    if (!AT_MOST_ONCE.has(name)) continue;
    if (seen.has(name)) throw new ChatError("REQUEST_INVALID", `the header ${name} is repeated`);
    seen.add(name);
  }
  next();
}

/** Patterns, not paths: logs name nobody. */
function logRequests(log: Logger) {
  return (req: Request, res: Response, next: NextFunction): void => {
    const startedAt = performance.now();
    res.once("close", () => {
      const durationMs = Math.round(performance.now() - startedAt);
      const route: unknown = req.route?.path;
      log.debug(
        { requestId: requestId(res), method: req.method, route, status: res.statusCode, durationMs },
        "request",
      );
    });
    next();
  };
}

function answerError(log: Logger, known: ChatError, res: Response): void {
  if (known.code === "INTERNAL" || known.code === "STORAGE" || known.code === "STORE_CORRUPT") {
    // Faults of ours are told in words of ours, which quote nobody.
    const { code, message, cause } = known;
    log.error({ requestId: requestId(res), code, why: message, ...origin(cause) }, "request failed");
  }
  if (res.headersSent) res.destroy();
  else sendProblem(res, known);
}

/** Where a fault arose, without its message, which may quote what a client sent. */
function origin(cause: unknown): { fault?: string; stack?: string[] } {
  if (!(cause instanceof Error)) return {};
  const frames = (cause.stack ?? "").split("\n").filter((line) => line.startsWith("    at "));
  return { fault: `${cause.name}${codeOf(cause)}`, stack: frames.map((line) => line.trim()) };
}

/** SQLite's, or that of PostgreSQL or the system. */
function codeOf(cause: Error): string {
  if ("errcode" in cause) return ` ${String(cause.errcode)}`;
  return "code" in cause ? ` ${String(cause.code)}` : "";
}
