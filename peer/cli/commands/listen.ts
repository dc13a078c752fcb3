import { ChatError } from "../../../shared/errors.ts";
import type { ChatEvent } from "../../messaging/operations.ts";
import type { Args, Command } from "../command.ts";
import type { CliContext, Messenger } from "../context.ts";
import { describeEvent } from "../describe-event.ts";
import { EXIT, EXIT_CODES } from "../exit-codes.ts";
import { busy, reachProfile } from "../reach-profile.ts";

const PATIENCE_MS = 10_000;
const MAX_PORT = 65_535;

export const listen: Command = {
  usage: "listen",
  summary: "be reachable, and print what arrives",
  options: {
    port: { value: "N", describe: "TCP port; any free one unless said otherwise" },
    since: { value: "CURSOR", describe: "begin behind this message again" },
    presence: { describe: "print which contacts come online and go" },
  },
  examples: [
    ["p2pchat listen", "be reachable until Ctrl-C"],
    ["p2pchat listen --json | jq -r 'select(.type == \"message\") | .text'", "the texts alone"],
    ["p2pchat listen --port 4001 --presence", "on a port that the router forwards; says who comes and goes"],
  ],
  run: async (args, context) => {
    const port = readNumber(args, "port", MAX_PORT);
    const since = readNumber(args, "since", Number.MAX_SAFE_INTEGER);
    const reached = await reachProfile(context, PATIENCE_MS);
    if (reached.kind === "daemon") {
      reached.client.close();
      throw busy(reached.client.pid);
    }
    const { settings, verbose, dependencies, interruption } = context;
    const { signal } = interruption;
    const { lock, directory } = reached;
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => lock.release());
    const programs = await dependencies.loadPrograms();
    const { startControlServer } = await import("../../daemon/control-server.ts");
    const open = {
      settings,
      directory,
      mode: "daemon",
      network: true,
      presence: args.flag("presence"),
      verbose,
      signal,
    } as const;
    const messenger = await programs.openMessenger({ ...open, ...(port !== undefined && { port }) });
    cleanup.defer(() => messenger.stop());
    const server = await startControlServer({
      directory: directory.path,
      env: context.terminal.env,
      peerId: messenger.ready.peerId,
      operations: messenger.operations,
      feed: messenger.feed,
      presence: messenger.presence,
    });
    cleanup.defer(() => server.stop());
    await printReady(messenger, context);
    if ((await printEvents(messenger, since, context)) === "unsafe") return EXIT_CODES.PROFILE_UNSAFE;
    return interruption.by === "SIGINT" ? EXIT.interrupted : EXIT.ok;
  },
};

function readNumber(args: Args, option: string, max: number): number | undefined {
  const text = args.value(option);
  if (text === undefined) return undefined;
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (number <= max) return number;
  throw new ChatError("USAGE", `--${option} takes a number from 0 to ${max}`);
}

async function printReady({ ready }: Messenger, { output }: CliContext): Promise<void> {
  const { username, peerId, addresses } = ready;
  if (!output.json) output.note(`listening as ${username}\n${addresses.map((address) => `  ${address}`).join("\n")}`);
  await output.print({ type: "ready", fields: { username, peerId, addresses }, text: "" });
}

/**
 * A message counts as shown once the kernel has it: what was not printed comes again next time. An old copy of a profile
 * delivers nothing any more, and only its next start can change that: `unsafe`.
 */
async function printEvents(
  { feed }: Messenger,
  since: number | undefined,
  context: CliContext,
): Promise<"ended" | "unsafe"> {
  const { output, interruption } = context;
  const { signal } = interruption;
  try {
    for await (const event of feed.events({ ...(since !== undefined && { since }), signal })) {
      if (!(await printEvent(event, output))) return "ended";
      if ("cursor" in event) feed.shown(event.cursor);
      if (event.type === "error" && event.code === "PROFILE_UNSAFE") return "unsafe";
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return "ended";
}

function printEvent(event: ChatEvent, output: CliContext["output"]): Promise<boolean> {
  const { type, ...fields } = event;
  return output.print({ type, fields, text: describeEvent(event, output.strong) });
}
