import { ChatError } from "../../shared/errors.ts";
import type { Args, Option } from "./command.ts";
import type { Messenger } from "./context.ts";

/** Where holders of tokens are served, by whichever command holds the profile. */
export type ApiPlace = { readonly path: string; readonly mode: number };

export const API_OPTIONS = {
  "api-socket": {
    value: "PATH",
    completes: "file",
    describe: "serve programs that have a token there too: see p2pchat token",
  },
  "api-mode": {
    value: "MODE",
    completes: ["600", "660"],
    describe: "600 (unless said otherwise): this user's programs; 660: its group's too",
  },
} as const satisfies Readonly<Record<string, Option>>;

/** @throws ChatError USAGE */
export function readApi(args: Args): ApiPlace | undefined {
  const [path, mode] = [args.value("api-socket"), args.value("api-mode")];
  if (path === undefined && mode !== undefined) throw new ChatError("USAGE", "--api-mode goes with --api-socket");
  if (mode !== undefined && mode !== "600" && mode !== "660")
    throw new ChatError("USAGE", "--api-mode takes 600 or 660");
  return path === undefined ? undefined : { path, mode: mode === "660" ? 0o660 : 0o600 };
}

/** Until it is disposed of; without a place, nothing. */
export async function serveApi(place: ApiPlace | undefined, { access }: Messenger): Promise<AsyncDisposable> {
  const served = new AsyncDisposableStack();
  if (place !== undefined) {
    const { startApiServer } = await import("../daemon/api-server.ts");
    const api = await startApiServer({ ...place, access });
    served.defer(() => api.stop());
  }
  return served;
}
