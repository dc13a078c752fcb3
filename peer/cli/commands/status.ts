import type { LogView } from "../../messaging/operations/keys.ts";
import type { Status } from "../../messaging/operations/status.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { localTime } from "../instant.ts";
import { table } from "../table.ts";
import { withOperations } from "../with-operations.ts";

export const status: Command = {
  usage: "status",
  summary: "this profile, its daemon and its reachability",
  examples: [["p2pchat status", "addresses, relays, outbox"]],
  run: async (_args, context) => {
    const found = await withOperations(context, { network: true, run: (operations) => operations.status() });
    await context.output.print({ type: "status", fields: found, text: describeStatus(found) });
    return EXIT.ok;
  },
};

function describePaths({ connections, paths }: Status): string {
  const ways = Object.entries(paths).filter(([, count]) => count > 0);
  return ways.length === 0 ? String(connections) : ways.map(([path, count]) => `${count} ${path}`).join(", ");
}

function describeLog({ size, signedAt, state }: LogView): string {
  const signed = signedAt === null ? "" : `, signed ${localTime(signedAt)}`;
  return `${size} entries${signed} (${state === "ok" ? "ok" : `not to be relied on: ${state}`})`;
}

function describeStatus(found: Status): string {
  const { daemon, outbox } = found;
  return table([
    ["username", found.username],
    ["peer id", found.peerId],
    ["listening", daemon === null ? "no" : `process ${daemon.pid} since ${localTime(daemon.startedAt)}`],
    ["addresses", found.addresses.join(" ") || "none"],
    ["server", `${found.server} (${found.serverState === "ok" ? "ok" : `not usable: ${found.serverState}`})`],
    ["log", describeLog(found.log)],
    ["published", found.published ? "yes" : found.hidden ? "no, presence is off" : "no"],
    ["key packages", found.keyPackages === null ? "unknown" : String(found.keyPackages)],
    ["outbox", `${outbox.queued} queued, ${outbox.relayed} in mailboxes, ${outbox.failed} failed`],
    ["contacts", String(found.contacts)],
    ["connections", describePaths(found)],
    ["relays", found.relays.map(({ relay, state }) => `${relay} (${state})`).join(" ") || "none"],
    ["mailboxes", found.mailboxes.map(({ relay, open }) => `${relay} (${open ? "open" : "away"})`).join(" ") || "none"],
  ]);
}
