import { join } from "node:path";
import { ChatError } from "../../../shared/errors.ts";
import type { Args, Command } from "../command.ts";
import { xdgDataHome } from "../config.ts";
import type { CliContext, RelayOptions, RunningRelay } from "../context.ts";
import { EXIT, EXIT_CODES } from "../exit-codes.ts";

const DEFAULT_PORT = 9443;
const MAX_PORT = 65_535;

export const relay: Command = {
  usage: "relay",
  summary: "carry messages for others: be a NAT relay and a mailbox",
  options: {
    dir: { value: "DIR", completes: "directory", describe: "where its key and its mailbox live (P2PCHAT_RELAY_DIR)" },
    port: { value: "N", describe: `TCP port; ${DEFAULT_PORT} unless said otherwise, 0 for any free one` },
    host: { value: "IP,IP", describe: "addresses to listen on; all unless said otherwise" },
    announce: { value: "ADDR,ADDR", describe: "multiaddrs under which others reach it, if not those" },
    roles: {
      value: "ROLE,ROLE",
      completes: ["mailbox", "nat", "mailbox,nat"],
      describe: "mailbox, nat; both unless said otherwise",
    },
    operator: { value: "TEXT", describe: "who runs it, for its users to read" },
    limits: { value: "NAME=N,NAME=N", describe: "other limits than it ships with" },
    "metrics-port": { value: "N", describe: "serve /metrics, /healthz and /readyz there, on this machine only" },
  },
  examples: [
    ["p2pchat relay --server https://names.example.org --announce /ip4/203.0.113.7/tcp/9443", "a listed one"],
    ["p2pchat relay --roles mailbox --metrics-port 9464", "mailboxes only, with metrics"],
  ],
  run: async (args, context) => {
    const options = readOptions(args, context);
    const { startRelay } = await context.dependencies.loadRelay();
    const running = await startRelay(options);
    await using _stopping = { [Symbol.asyncDispose]: () => running.stop() };
    await printReady(running, context);
    const failure = await Promise.race([running.failed, interruptionOf(context)]);
    if (failure !== undefined) return EXIT_CODES[failure.code];
    return context.interruption.by === "SIGINT" ? EXIT.interrupted : EXIT.ok;
  },
};

function readOptions(args: Args, { settings, terminal, verbose }: CliContext): RelayOptions {
  const hosts = list(args.value("host"));
  const metricsPort = args.value("metrics-port");
  return {
    settings,
    directory:
      args.value("dir") ?? (terminal.env["P2PCHAT_RELAY_DIR"] || join(xdgDataHome(terminal.env), "p2pchat-relay")),
    listen: {
      port: wholeNumber("port", args.value("port") ?? String(DEFAULT_PORT), MAX_PORT),
      ...(hosts.length > 0 && { hosts }),
    },
    announce: list(args.value("announce")),
    roles: list(args.value("roles")),
    operator: args.value("operator") ?? "",
    limits: readLimits(list(args.value("limits"))),
    ...(metricsPort !== undefined && { metricsPort: wholeNumber("metrics-port", metricsPort, MAX_PORT) }),
    verbose,
  };
}

function list(text: string | undefined): string[] {
  return text === undefined ? [] : text.split(",").map((entry) => entry.trim());
}

function readLimits(entries: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    entries.map((entry) => {
      const [name = "", value = ""] = entry.split("=");
      return [name, wholeNumber(`limits ${name}`, value, Number.MAX_SAFE_INTEGER)];
    }),
  );
}

function wholeNumber(option: string, text: string, max: number): number {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (number <= max) return number;
  throw new ChatError("USAGE", `--${option} takes a number from 0 to ${max}`);
}

async function printReady(running: RunningRelay, { output }: CliContext): Promise<void> {
  const { peerId, addresses, roles, metricsUrl } = running;
  const text = [`relay ${peerId} (${roles.join(", ")})`, ...addresses.map((address) => `  ${address}`)].join("\n");
  const fields = { peerId, addresses, roles, ...(metricsUrl !== undefined && { metricsUrl }) };
  await output.print({ type: "relay", fields, text });
}

function interruptionOf({ interruption: { signal } }: CliContext): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined));
  });
}
