import * as z from "zod";
import { sendText } from "../reply.ts";
import { type Api, route } from "./route.ts";

const PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";

/** Open, and holds nothing of anybody; a proxy should keep it from strangers all the same. */
export function metricsRoutes(api: Api): void {
  const { metrics } = api.services;
  route(api, "/metrics", {
    get: {
      id: "readMetrics",
      summary: "What an operator watches, for Prometheus",
      limit: "open",
      answers: { 200: { what: "samples", body: z.string(), mediaType: PROMETHEUS } },
      refusals: [],
      open: async (_req, res) => {
        sendText(res, 200, await metrics.render(), { "content-type": PROMETHEUS, "cache-control": "no-store" });
      },
    },
  });
}
