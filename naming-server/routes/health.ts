import type { IRouter } from "express";
import { sendJson } from "../reply.ts";
import type { Services } from "../services.ts";
import { route } from "./route.ts";

/** `/healthz`: the process answers; `/readyz`: and so does its database. */
export function healthRoutes(router: IRouter, { store }: Services): void {
  route(router, "/healthz", { get: (_req, res) => sendJson(res, 200, { status: "ok" }) });
  route(router, "/readyz", {
    get: async (_req, res) => {
      await store.ping();
      sendJson(res, 200, { status: "ok" });
    },
  });
}
