import type { IRouter } from "express";
import type { DeviceId } from "../../shared/device-id.ts";
import type { Username } from "../../shared/username.ts";
import { sendJson } from "../reply.ts";
import type { Services } from "../services.ts";
import { route, signedIn } from "./route.ts";

/** A device is online while its address record lives. */
export function presenceRoutes(router: IRouter, services: Services): void {
  route(router, "/v1/presence", {
    get: signedIn(services, async (_caller, _req, res) => {
      const at = Math.floor(services.now() / 1000);
      sendJson(res, 200, { online: byName(await services.store.listOnline(at)), at });
    }),
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
