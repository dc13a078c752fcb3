import { presenceSchema } from "../../shared/api.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import type { Username } from "../../shared/username.ts";
import { sendJson } from "../reply.ts";
import { type Api, route } from "./route.ts";

/** A device is online while its address record lives. */
export function presenceRoutes(api: Api): void {
  const { store, now } = api.services;
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
