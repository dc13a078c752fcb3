import type { IRouter, Request, Response } from "express";
import { tokenRequestSchema } from "../../shared/api.ts";
import { verifyAssertion } from "../../shared/assertion.ts";
import { ChatError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/protocol.ts";
import { assertListed } from "../authentication.ts";
import { SERVER_LIMITS } from "../limits.ts";
import { sendJson } from "../reply.ts";
import { readBody } from "../request-body.ts";
import type { Services } from "../services.ts";
import { readRequest, route } from "./route.ts";

export function tokenRoutes(router: IRouter, services: Services): void {
  route(router, "/v1/token", { post: (req, res) => issueToken(services, req, res) });
  route(router, "/.well-known/jwks.json", {
    get: (_req, res) => {
      const cacheControl = `public, max-age=${SERVER_LIMITS.jwksMaxAgeSeconds}`;
      sendJson(res, 200, services.keys.jwks(), { "cache-control": cacheControl });
    },
  });
}

/** An assertion is used up only by a device that may use it, so that strangers fill no table. */
async function issueToken(services: Services, req: Request, res: Response): Promise<void> {
  const { directory, store, tokens, publicUrl, now } = services;
  const body = await readBody(req, { mediaType: "application/x-www-form-urlencoded" });
  const form = readRequest(tokenRequestSchema, readForm(body));
  const { claims, device } = await verifyAssertion(form.client_assertion, { aud: publicUrl, nowMs: now() });
  const caller = { username: claims.sub, device };
  await assertListed(caller, directory);
  const expires = claims.exp + LIMITS.clockSkewSeconds;
  await store.rememberAssertion({ sub: claims.sub, jti: claims.jti, expires });
  sendJson(res, 200, {
    access_token: await tokens.issue(caller),
    token_type: "Bearer",
    expires_in: LIMITS.accessTokenLifetimeSeconds,
  });
}

/** Parameters must not be repeated (RFC 6749 3.2). @throws ChatError REQUEST_INVALID */
function readForm(body: Buffer): object {
  const parameters = [...new URLSearchParams(body.toString("utf8"))];
  const form = new Map(parameters);
  if (form.size !== parameters.length) throw new ChatError("REQUEST_INVALID", "a parameter is repeated");
  return Object.fromEntries(form);
}
