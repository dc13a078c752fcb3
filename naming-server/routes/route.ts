import type { IRouter, NextFunction, Request, Response } from "express";
import type * as z from "zod";
import { prettifyError } from "zod";
import { ChatError, type ErrorCode, isChatError } from "../../shared/errors.ts";
import { parseUsername, type Username } from "../../shared/username.ts";
import type { SignedIn } from "../access-tokens.ts";
import { authenticate } from "../authentication.ts";
import type { RateClass } from "../limits.ts";
import type { RequestMeter } from "../metrics.ts";
import { HTTP_STATUS, toChatError } from "../problem.ts";
import type { BodyRules } from "../request-body.ts";
import type { Services } from "../services.ts";

export type Handler = (req: Request, res: Response) => Promise<void> | void;
export type SignedInHandler = (caller: SignedIn, req: Request, res: Response) => Promise<void> | void;

export type Method = "get" | "put" | "post" | "delete";

/** An answer as documented; JSON unless it says otherwise, and empty without a schema. */
export type Success = { readonly what: string; readonly body?: z.ZodType; readonly mediaType?: string };

/** One method of one path, with all that its documentation says: `openapi.ts` makes the document of these. */
export type Operation = {
  /** Unique; clients generated from the document name their functions by it. */
  readonly id: string;
  readonly summary: string;
  readonly limit: RateClass;
  readonly query?: z.ZodObject;
  /** Request headers with a meaning of their own here. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: BodyRules & { readonly schema: z.ZodType };
  readonly answers: Readonly<Record<number, Success>>;
  /** Codes of its own; those that every operation or every body may meet are added to the document. */
  readonly refusals: readonly ErrorCode[];
} & ({ readonly open: Handler } | { readonly signedIn: SignedInHandler });

export type DeclaredOperation = Operation & { readonly path: string; readonly method: Method };

/** What routes are added to. */
export type Api = {
  readonly router: IRouter;
  readonly services: Services;
  readonly operations: DeclaredOperation[];
};

/** Adds a path with all its methods; any other method is 405 with `Allow`. */
export function route(api: Api, path: string, declared: Partial<Record<Method, Operation>>): void {
  const methods = Object.entries(declared) as [Method, Operation][];
  for (const [method, operation] of methods) {
    const meter = api.services.metrics.requestMeter(path, method);
    api.router[method](path, handlerOf(api.services, operation, meter));
    api.operations.push({ ...operation, path, method });
  }
  const allow = methods.map(([method]) => (method === "get" ? "GET, HEAD" : method.toUpperCase())).join(", ");
  api.router.all(path, (req: Request, _res: Response, _next: NextFunction) => {
    admitOther(api.services, req);
    throw new ChatError("METHOD_NOT_ALLOWED", `only ${allow}`, { details: { allow } });
  });
}

/**
 * What no operation answers counts too.
 *
 * @throws ChatError RATE_LIMITED
 */
export function admitOther({ limiter, networkOf, monotonic }: Services, req: Request): void {
  limiter.admitNetwork("open", networkOf(req), monotonic());
}

/** Counts and limits around what an operation does. */
function handlerOf(services: Services, operation: Operation, meter: RequestMeter): Handler {
  const { limiter, networkOf, monotonic } = services;
  const answer = answerOf(services, operation);
  return async (req, res) => {
    const startedMs = monotonic();
    try {
      limiter.admitNetwork(operation.limit, networkOf(req), startedMs);
      await answer(req, res);
      meter.record(res.statusCode, monotonic() - startedMs);
    } catch (error) {
      meter.record(HTTP_STATUS[toChatError(error).code], monotonic() - startedMs);
      throw error;
    }
  };
}

function answerOf(services: Services, operation: Operation): Handler {
  if ("open" in operation) return operation.open;
  const { signedIn, limit } = operation;
  const { limiter, monotonic } = services;
  return async (req, res) => {
    const caller = await authenticate(req, services);
    limiter.admitCaller(limit, caller.username, monotonic());
    return signedIn(caller, req, res);
  };
}

/** One segment of the path, decoded. */
export function segment(req: Request, name: string): string {
  const value = req.params[name];
  return typeof value === "string" ? value : "";
}

/**
 * The name that a reader asks about. A reserved name answers as one that nobody has.
 *
 * @throws ChatError USERNAME_INVALID, NAME_UNKNOWN
 */
export function readName(req: Request): Username {
  try {
    return parseUsername(segment(req, "name"));
  } catch (error) {
    throw isChatError(error, "USERNAME_RESERVED") ? unknownName() : error;
  }
}

export function unknownName(): ChatError {
  return new ChatError("NAME_UNKNOWN", "there is no such name");
}

/** @throws ChatError REQUEST_INVALID */
export function readRequest<T>(schema: z.ZodType<T>, value: unknown): T {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  throw new ChatError("REQUEST_INVALID", prettifyError(read.error));
}
