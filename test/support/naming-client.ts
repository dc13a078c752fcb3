import { systemRuntime } from "../../peer/messaging/runtime.ts";
import { createClock } from "../../peer/naming/clock.ts";
import { createNamingClient, type NamingClientOptions } from "../../peer/naming/naming-client.ts";
import { NOW_MS, personOf } from "./people.ts";
import { json, type Script, type SeenRequest, startScriptedServer } from "./scripted-server.ts";

/**
 * Alice's naming client and a server that answers as `script` says; unless `script` is to do that too, it grants tokens
 * to anyone. `time.ms` is this computer's clock.
 */
export async function startNamingClient(
  script: Script,
  options: Partial<NamingClientOptions> & { scriptGrants?: boolean } = {},
) {
  const { scriptGrants = false, ...clientOptions } = options;
  const time = { ms: NOW_MS };
  let ids = 0;
  const server = await startScriptedServer((request) =>
    request.path === "/v1/token" && !scriptGrants ? granted(ids) : script(request),
  );
  const clock = createClock(() => time.ms);
  const client = createNamingClient({
    url: server.url,
    credentials: personOf("alice"),
    clock,
    timers: systemRuntime,
    randomId: () => `id-0123456789abc-${ids++}`,
    ...clientOptions,
  });
  return {
    server,
    client,
    clock,
    time,
    /** What was asked besides tokens. */
    seen: () => server.requests.filter(({ path }) => path !== "/v1/token"),
    async [Symbol.asyncDispose]() {
      client.close();
      await server.close();
    },
  };
}

export const granted = (id: number) => json({ access_token: `token-${id}`, token_type: "Bearer", expires_in: 600 });

export function assertionIn({ body }: SeenRequest): string {
  return new URLSearchParams(body.toString()).get("client_assertion") ?? "";
}
