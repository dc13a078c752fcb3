import * as z from "zod";
import { describeApi } from "../openapi.ts";
import { sendText } from "../reply.ts";
import { type Api, route } from "./route.ts";

const MAX_AGE_SECONDS = 3600;

/** Describes every operation, its own included: added last. */
export function openapiRoutes(api: Api): void {
  let document: string | undefined;
  route(api, "/v1/openapi.json", {
    get: {
      id: "describeApi",
      summary: "This document",
      limit: "open",
      answers: { 200: { what: "OpenAPI 3.1", body: z.looseObject({ openapi: z.literal("3.1.1") }) } },
      refusals: [],
      open: (_req, res) => {
        document ??= JSON.stringify(describeApi(api.operations, api.services.publicUrl));
        const cacheControl = `public, max-age=${MAX_AGE_SECONDS}`;
        sendText(res, 200, document, { "content-type": "application/json", "cache-control": cacheControl });
      },
    },
  });
}
