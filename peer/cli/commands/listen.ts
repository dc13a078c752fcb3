import { ChatError } from "../../../shared/errors.ts";
import { isConsumerName } from "../../daemon/consumer-name.ts";
import type { ControlClient } from "../../daemon/control-client.ts";
import type { ConsumeOptions, Consumer } from "../../messaging/operations/feed.ts";
import { API_OPTIONS, type ApiPlace, readApi, serveApi } from "../api-socket.ts";
import type { Args, Command } from "../command.ts";
import type { Taking } from "../consume/print-events.ts";
import type { CliContext, Messenger, OpenOptions } from "../context.ts";
import { parseDuration } from "../duration.ts";
import { EXIT, EXIT_CODES, type ExitCode } from "../exit-codes.ts";
import { readShown, type Shown } from "../notify/shown.ts";
import { busy, reachProfile } from "../reach-profile.ts";
import { type Held, serveProfile } from "../serve-profile.ts";

const PATIENCE_MS = 10_000;
const MAX_PORT = 65_535;
const MAX_JOBS = 64;
const MAX_RETRIES = 1_000_000;
/** The last of them is made a quarter of an hour after the first try. */
const DEFAULT_RETRIES = 10;
/** Who reads unless another name is given. */
const DEFAULT_CONSUMER = "listen";

export const listen: Command = {
  usage: "listen [argument..]",
  summary: "be reachable, and print what arrives",
  positionals: { argument: "arguments of the --exec command, behind --" },
  options: {
    port: { value: "N", describe: "TCP port; any free one unless said otherwise" },
    host: { value: "IP,IP", describe: "addresses to listen on; all unless said otherwise" },
    announce: { value: "ADDR,ADDR", describe: "multiaddrs under which others reach it, if not those" },
    since: { value: "CURSOR", describe: "begin behind this message again; now: a new consumer begins with what comes" },
    presence: { describe: "print which contacts come online and go" },
    notify: {
      value: "WHAT",
      bare: "text",
      completes: ["text", "names", "off"],
      describe: "show messages on the desktop: text, names (who wrote, not what) or off (P2PCHAT_NOTIFY)",
    },
    consumer: { value: "NAME", describe: "read under a name whose place is kept, also beside another p2pchat listen" },
    ack: { describe: "take cursors from standard input, one a line: what is not acknowledged comes again" },
    exec: {
      value: "CMD",
      completes: "file",
      describe: "run it for each event, which it reads as JSON; exit code 0 acknowledges",
    },
    jobs: { value: "N", describe: "run so many at a time, those of one sender in order; 1 unless said otherwise" },
    ...API_OPTIONS,
    "exec-timeout": { value: "TIME", describe: "end a command that takes longer; 1m unless said otherwise" },
    "exec-retries": {
      value: "N",
      describe: `give an event up after so many more tries, with an error; ${DEFAULT_RETRIES} unless said otherwise`,
    },
  },
  examples: [
    ["p2pchat listen", "be reachable until Ctrl-C"],
    ["p2pchat listen --json | jq -r 'select(.type == \"message\") | .text'", "the texts alone"],
    ["p2pchat listen --port 4001 --presence", "on a port that the router forwards; says who comes and goes"],
    ["p2pchat listen --port 4001 --announce /ip4/203.0.113.7/tcp/9000", "behind a router that forwards another port"],
    ["p2pchat listen --notify=names", "tell the desktop who wrote, and not what"],
    [
      "p2pchat listen --consumer bot --exec ./answer.py -- --polite",
      "run a command for each event, beside another listen",
    ],
  ],
  run: async (args, context) => {
    const plan = await readPlan(args, context);
    const reached = await reachProfile(context, PATIENCE_MS);
    if (reached.kind === "lock") return await listenHere(plan, reached, context);
    return await consumeBeside(plan, reached.client, context);
  },
};

type Plan = {
  readonly place: Pick<OpenOptions, "port" | "hosts" | "announce">;
  readonly presence: boolean;
  /** Whether it was named: only then may it read beside a daemon. */
  readonly isNamed: boolean;
  readonly consume: ConsumeOptions;
  readonly take: Taking;
  readonly notify: Shown | undefined;
  readonly api: ApiPlace | undefined;
};

/** Complains about the command line before anything is opened. */
async function readPlan(args: Args, context: CliContext): Promise<Plan> {
  const place = readPlace(args);
  const consumer = args.value("consumer");
  if (consumer !== undefined && !isConsumerName(consumer)) {
    throw new ChatError("USAGE", "--consumer takes up to 64 letters, digits, dots, dashes and underscores");
  }
  const since = readSince(args);
  const consume = { consumer: consumer ?? DEFAULT_CONSUMER, ...(since !== undefined && { since }) };
  const take = await readTaking(args, context);
  const notify = readShown(context.settings.notify);
  const [presence, isNamed] = [args.flag("presence"), consumer !== undefined];
  return { place, presence, isNamed, consume, take, notify, api: readApi(args) };
}

function readPlace(args: Args): Plan["place"] {
  const port = readNumber(args, "port", { max: MAX_PORT });
  const [hosts, announce] = [list(args.value("host")), list(args.value("announce"))];
  return { ...(port !== undefined && { port }), ...(hosts && { hosts }), ...(announce && { announce }) };
}

function list(text: string | undefined): string[] | undefined {
  return text?.split(",").map((entry) => entry.trim());
}

function readSince(args: Args): ConsumeOptions["since"] {
  return args.value("since") === "now" ? "now" : readNumber(args, "since", { max: Number.MAX_SAFE_INTEGER });
}

async function readTaking(args: Args, { terminal }: CliContext): Promise<Taking> {
  const file = args.value("exec");
  if (file !== undefined && args.flag("ack"))
    throw new ChatError("USAGE", "--exec acknowledges by itself, without --ack");
  if (file === undefined) {
    const alone = ["jobs", "exec-timeout", "exec-retries"].find((option) => args.value(option) !== undefined);
    if (alone !== undefined) throw new ChatError("USAGE", `--${alone} goes with --exec`);
    if (args.values("argument").length > 0) throw new ChatError("USAGE", "arguments go with --exec");
    const { printEvents, printUntilAcknowledged } = await import("../consume/print-events.ts");
    return args.flag("ack") ? printUntilAcknowledged : printEvents;
  }
  const jobs = readNumber(args, "jobs", { min: 1, max: MAX_JOBS }) ?? 1;
  const timeoutMs = parseDuration(args.value("exec-timeout") ?? "1m", "--exec-timeout");
  const retries = readNumber(args, "exec-retries", { max: MAX_RETRIES }) ?? DEFAULT_RETRIES;
  const { runForEvents } = await import("../consume/run-for-events.ts");
  return runForEvents({ file, args: args.values("argument"), jobs, timeoutMs, retries }, terminal);
}

function readNumber(args: Args, option: string, { min = 0, max }: { min?: number; max: number }): number | undefined {
  const text = args.value(option);
  if (text === undefined) return undefined;
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new ChatError("USAGE", `--${option} takes a number from ${min} to ${max}`);
}

async function listenHere(plan: Plan, held: Held, context: CliContext): Promise<ExitCode> {
  const options = { presence: plan.presence, ...plan.place };
  return await serveProfile(held, options, context, async (messenger) => {
    await using _api = await serveApi(plan.api, messenger);
    const consumer = await messenger.feed.consume(plan.consume);
    await printReady(messenger.ready, context);
    return await take(consumer, plan, context);
  });
}

/** A daemon is reachable already: only a consumer with a name of its own has anything to do beside it. */
async function consumeBeside(plan: Plan, client: ControlClient, context: CliContext): Promise<ExitCode> {
  try {
    if (!plan.isNamed || Object.keys(plan.place).length > 0 || plan.api !== undefined) throw busy(client.pid);
    if (plan.presence) {
      const why = `process ${client.pid} listens already; started with --presence, it tells every reader`;
      throw new ChatError("PROFILE_BUSY", why, { details: { pid: client.pid } });
    }
    const consumer = await client.consume(plan.consume);
    const { username, peerId } = await client.operations.whoami();
    await printReady({ username, peerId, addresses: [] }, context);
    return await take(consumer, plan, context);
  } finally {
    client.close();
  }
}

async function printReady(ready: Messenger["ready"], { output }: CliContext): Promise<void> {
  const { username, peerId, addresses } = ready;
  if (!output.json) {
    output.note([`listening as ${username}`, ...addresses.map((address) => `  ${address}`)].join("\n"));
  }
  await output.print({ type: "ready", fields: { username, peerId, addresses }, text: "" });
}

async function take(silent: Consumer, plan: Plan, context: CliContext): Promise<ExitCode> {
  const { interruption } = context;
  const consumer = await announced(silent, plan.notify, context);
  try {
    if ((await plan.take(consumer, context)) === "unsafe") return EXIT_CODES.PROFILE_UNSAFE;
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
  } finally {
    consumer.close();
  }
  return interruption.by === "SIGINT" ? EXIT.interrupted : EXIT.ok;
}

async function announced(consumer: Consumer, shown: Shown | undefined, context: CliContext): Promise<Consumer> {
  if (shown === undefined) return consumer;
  const { Notifier, notifying } = await import("../notify/notifier.ts");
  const { desktopOf } = await import("../notify/desktop.ts");
  const desktop = desktopOf(context.terminal);
  if (desktop === undefined) {
    context.output.note("nothing here can show notifications: neither notify-send on a desktop nor a terminal");
    return consumer;
  }
  const { show, isPrivate } = desktop;
  if (!isPrivate && shown === "text") {
    context.output.note("notifications say who wrote, not what: other users could read it in the process list");
  }
  const after = (ms: number, run: () => void) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  };
  return notifying(consumer, new Notifier({ shown: isPrivate ? shown : "names", show, after }));
}
