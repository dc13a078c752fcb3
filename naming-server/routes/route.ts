import type { IRouter, NextFunction, Request, Response } from "express";
import type * as z from "zod";
import { prettifyError } from "zod";
import { ChatError, isChatError } from "../../shared/errors.ts";
import { parseUsername, type Username } from "../../shared/username.ts";
import type { Caller } from "../access-tokens.ts";
import { authenticate } from "../authentication.ts";
import type { Services } from "../services.ts";

export type Handler = (req: Request, res: Response) => Promise<void> | void;

type Method = "get" | "put" | "post" | "delete";

/** Registers a path with all its methods; any other method is 405 with `Allow`. */
export function route(router: IRouter, path: string, handlers: Partial<Record<Method, Handler>>): void {
  const methods = Object.entries(handlers) as [Method, Handler][];
  for (const [method, handler] of methods) router[method](path, handler);
  const allow = methods.map(([method]) => (method === "get" ? "GET, HEAD" : method.toUpperCase())).join(", ");
  router.all(path, (_req: Request, _res: Response, _next: NextFunction) => {
    throw new ChatError("METHOD_NOT_ALLOWED", `only ${allow}`, { details: { allow } });
  });
}

/** A handler for those who show an access token. */
export function signedIn(
  services: Services,
  handler: (caller: Caller, req: Request, res: Response) => Promise<void> | void,
): Handler {
  return async (req, res) => handler(await authenticate(req, services), req, res);
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
