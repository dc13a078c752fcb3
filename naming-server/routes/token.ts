import type { Request, Response } from "express";
import { jwksSchema, tokenRequestSchema, tokenSchema } from "../../shared/api.ts";
import { verifyAssertion } from "../../shared/assertion.ts";
import { ChatError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/protocol.ts";
import { assertListed } from "../authentication.ts";
import { SERVER_LIMITS } from "../limits.ts";
import { sendJson } from "../reply.ts";
import { readBody } from "../request-body.ts";
import type { Services } from "../services.ts";
import { type Api, readRequest, route } from "./route.ts";

const TOKEN_BODY = { mediaType: "application/x-www-form-urlencoded", schema: tokenRequestSchema };

export function tokenRoutes(api: Api): void {
  const { services } = api;
  route(api, "/v1/token", {
    post: {
      id: "requestToken",
      summary: "An access token for an assertion signed by a device that its name lists (RFC 7523)",
      limit: "token",
      body: TOKEN_BODY,
      answers: { 200: { what: "the token", body: tokenSchema } },
      refusals: ["TOKEN_INVALID", "TOKEN_REPLAYED", "CLOCK_SKEW"],
      open: (req, res) => issueToken(services, req, res),
    },
  });
  route(api, "/.well-known/jwks.json", {
    get: {
      id: "listSigningKeys",
      summary: "The keys that sign access tokens",
      limit: "open",
      answers: { 200: { what: "the current key and its neighbours", body: jwksSchema } },
      refusals: [],
      open: (_req, res) => {
        const cacheControl = `public, max-age=${SERVER_LIMITS.jwksMaxAgeSeconds}`;
        sendJson(res, 200, services.keys.jwks(), { "cache-control": cacheControl });
      },
    },
  });
}

/** An assertion is used up only by a device that may use it, so that strangers fill no table. */
async function issueToken(services: Services, req: Request, res: Response): Promise<void> {
  const { directory, store, tokens, publicUrl, now, limiter, monotonic } = services;
  const body = await readBody(req, TOKEN_BODY);
  const form = readRequest(TOKEN_BODY.schema, readForm(body));
  const { claims, device } = await verifyAssertion(form.client_assertion, { aud: publicUrl, nowMs: now() });
  if (form.client_id !== undefined && form.client_id !== claims.sub) {
    throw new ChatError("TOKEN_INVALID", "client_id is not the assertion's subject", { reason: "client_id" });
  }
  const caller = { username: claims.sub, device };
  await assertListed(caller, directory);
  limiter.admitCaller("token", caller.username, monotonic());
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
