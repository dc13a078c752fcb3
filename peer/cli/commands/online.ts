import type { PresenceEvent, PresenceFeed } from "../../messaging/operations/feed.ts";
import type { Command } from "../command.ts";
import type { CliContext } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { visibleLine, visibleReason } from "../visible-text.ts";
import { withOperations } from "../with-operations.ts";

export const online: Command = {
  usage: "online",
  summary: "who is online",
  options: { watch: { describe: "stay, and print who comes and goes" } },
  examples: [
    ["p2pchat online", "who is there"],
    ["p2pchat online --watch --json", "and who comes and goes, for programs"],
  ],
  run: async (args, context) => {
    if (args.flag("watch")) return await watch(context);
    const found = await withOperations(context, { network: true, run: (operations) => operations.online() });
    const text = found.online.map(nameOf).join("\n");
    await context.output.print({ type: "online", fields: { online: found.online }, text });
    return EXIT.ok;
  },
};

/** Ends with an interruption, or once nobody reads what is printed. */
async function watch(context: CliContext): Promise<ExitCode> {
  const { interruption } = context;
  try {
    await withOperations(context, { network: true, run: (_, presence) => printPresence(presence, context) });
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
  }
  return interruption.by === "SIGINT" ? EXIT.interrupted : EXIT.ok;
}

async function printPresence(presence: PresenceFeed, { output, interruption }: CliContext): Promise<void> {
  let isLost = false;
  for await (const event of presence.events(interruption.signal)) {
    if (event.type === "presence") {
      const { type, ...fields } = event;
      if (!(await output.print({ type, fields, text: describe(event) }))) return;
    } else if (!isLost) output.note(`${visibleReason(event.message)}; trying again`);
    isLost = event.type === "lost";
  }
}

function describe(event: Extract<PresenceEvent, { type: "presence" }>): string {
  return `* ${nameOf(event)} is ${event.online ? "online" : "offline"}`;
}

function nameOf({ username, contact }: { username: string; contact: boolean }): string {
  return `${visibleLine(username)}${contact ? " (contact)" : ""}`;
}
