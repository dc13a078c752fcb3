import { healthSchema } from "../../shared/api.ts";
import { sendJson } from "../reply.ts";
import { type Api, route } from "./route.ts";

/** `/healthz`: the process answers; `/readyz`: and so does its database. */
export function healthRoutes(api: Api): void {
  const { store } = api.services;
  const answers = { 200: { what: "it does", body: healthSchema } };
  route(api, "/healthz", {
    get: {
      id: "isAlive",
      summary: "Whether the process answers",
      limit: "open",
      answers,
      refusals: [],
      open: (_req, res) => sendJson(res, 200, { status: "ok" }),
    },
  });
  route(api, "/readyz", {
    get: {
      id: "isReady",
      summary: "Whether its database answers too",
      limit: "open",
      answers,
      refusals: [],
      open: async (_req, res) => {
        await store.ping();
        sendJson(res, 200, { status: "ok" });
      },
    },
  });
}
