import * as z from "zod";
import { presenceSchema } from "../../shared/api.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import type { Username } from "../../shared/username.ts";
import { EVENT_STREAM, readLastEventId } from "../presence/event-stream.ts";
import { sendJson, startStream } from "../reply.ts";
import { type Api, route } from "./route.ts";

/** A device is online while its address record lives. */
export function presenceRoutes(api: Api): void {
  const { store, presence, now } = api.services;
  route(api, "/v1/presence", {
    get: {
      id: "listOnline",
      summary: "Who is online",
      limit: "presence",
      answers: { 200: { what: "every device whose address record lives", body: presenceSchema } },
      refusals: [],
      signedIn: async (_caller, _req, res) => {
        const at = Math.floor(now() / 1000);
        sendJson(res, 200, { online: byName(await store.listOnline(at)), at });
      },
    },
  });
  route(api, "/v1/presence/events", {
    get: {
      id: "watchPresence",
      summary: "Who is online, as server-sent events: each change at once, everybody at least every ten seconds",
      limit: "presence",
      headers: { "last-event-id": "the id of the last event that was read: the stream goes on there, where it can" },
      answers: { 200: { what: "events list, changes and end", body: z.string(), mediaType: EVENT_STREAM } },
      refusals: [],
      signedIn: async (caller, req, res) => {
        if (req.method === "GET") return presence.watch(res, caller, readLastEventId(req.headers["last-event-id"]));
        startStream(res, EVENT_STREAM);
        res.end();
      },
    },
  });
}

function byName(rows: readonly { name: Username; device: DeviceId }[]) {
  const devices = new Map<Username, DeviceId[]>();
  for (const { name, device } of rows) {
    const known = devices.get(name);
    if (known === undefined) devices.set(name, [device]);
    else known.push(device);
  }
  return [...devices].map(([name, listed]) => ({ name, devices: listed }));
}
