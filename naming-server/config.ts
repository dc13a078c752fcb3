import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import * as z from "zod";
import { ChatError } from "../shared/errors.ts";
import { audienceSchema, parsed } from "../shared/schemas.ts";
import { parseTrustedProxies, type TrustedProxies } from "./client-network.ts";
import { RATE_LIMITS, type RateLimits, scaleRates } from "./limits.ts";

export type Config = {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly databasePath: string;
  /** Without it, the URL it listens on. */
  readonly publicUrl?: string | undefined;
  /** PEM texts. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  readonly logLevel: string;
  /** Without them, `X-Forwarded-For` says nothing. */
  readonly trustedProxies?: TrustedProxies | undefined;
  readonly rates: RateLimits;
};

export type Command = { readonly run: "help" | "version" } | { readonly run: "serve"; readonly config: Config };

const FACTOR_RANGE = "a number above 0, such as 2.5";
const PORT_RANGE = "a number from 0 to 65535";

/** By environment variable; the flag of `PUBLIC_URL` is `--public-url`. */
const settingsSchema = z.object({
  HOST: z.string().default("127.0.0.1").describe("address to listen on (127.0.0.1)"),
  PORT: z
    .string()
    .regex(/^\d{1,5}$/, PORT_RANGE)
    .default("8080")
    .transform(Number)
    .refine((port) => port <= 65_535, PORT_RANGE)
    .describe("port to listen on, 0 for a free one (8080)"),
  DATABASE_URL: z
    .string()
    .default("sqlite:./naming.db")
    .refine((text) => /^sqlite:./.test(text), "names are kept in SQLite, so use sqlite:FILE")
    .transform((text) => text.slice("sqlite:".length))
    .describe("where names are kept (sqlite:./naming.db)"),
  PUBLIC_URL: z
    .string()
    .transform((text) => (URL.canParse(text) ? new URL(text).href.replace(/\/$/, "") : text))
    .pipe(audienceSchema)
    .optional()
    .describe("how clients reach it (the URL it listens on)"),
  TLS_CERT: z.string().optional().describe("PEM file with the certificate chain"),
  TLS_KEY: z.string().optional().describe("PEM file with its private key"),
  TRUST_PROXY: parsed(parseTrustedProxies)
    .optional()
    .describe("whose X-Forwarded-For counts: how many proxies, or which (none)"),
  RATE_LIMIT_FACTOR: z
    .string()
    .regex(/^\d{1,7}(\.\d{1,3})?$/, FACTOR_RANGE)
    .default("1")
    .transform(Number)
    .refine((factor) => factor > 0, FACTOR_RANGE)
    .describe("multiplies every rate limit (1)"),
  LOG_LEVEL: z
    .enum(["silent", "fatal", "error", "warn", "info", "debug", "trace"])
    .default("info")
    .describe("silent, fatal, error, warn, info, debug or trace (info)"),
});

const flagOf = (variable: string) => variable.toLowerCase().replaceAll("_", "-");

export const USAGE = `Usage: p2pchat-naming-server [options]

Maps usernames to signed keys and addresses. Each option may also come from the environment.

${Object.entries(settingsSchema.shape)
  .map(([variable, { description }]) => `  --${flagOf(variable).padEnd(20)}${variable.padEnd(20)}${description}`)
  .join("\n")}
  --help                                  show this text
  --version                               show the version
`;

/**
 * Reads flags and environment; a flag wins, and an empty variable counts as unset.
 *
 * @throws ChatError CONFIG_INVALID with a message of one line
 */
export function readCommand(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Command {
  const flags = readFlags(args);
  if (flags.help === true) return { run: "help" };
  if (flags.version === true) return { run: "version" };
  const given = Object.keys(settingsSchema.shape).map((name) => [
    name,
    flags[flagOf(name)] ?? (env[name] || undefined),
  ]);
  const settings = settingsSchema.safeParse(Object.fromEntries(given));
  if (!settings.success) throw invalid(describeIssues(settings.error));
  return { run: "serve", config: toConfig(settings.data) };
}

function toConfig(settings: z.output<typeof settingsSchema>): Config {
  return {
    host: settings.HOST,
    port: settings.PORT,
    databasePath: settings.DATABASE_URL,
    publicUrl: settings.PUBLIC_URL,
    tls: readTls(settings.TLS_CERT, settings.TLS_KEY),
    logLevel: settings.LOG_LEVEL,
    trustedProxies: settings.TRUST_PROXY,
    rates: scaleRates(RATE_LIMITS, settings.RATE_LIMIT_FACTOR),
  };
}

function readFlags(args: readonly string[]): Readonly<Record<string, unknown>> {
  const values = Object.keys(settingsSchema.shape).map((name) => [flagOf(name), { type: "string" }] as const);
  const switches = ["help", "version"].map((name) => [name, { type: "boolean" }] as const);
  try {
    return parseArgs({ args: [...args], options: Object.fromEntries([...values, ...switches]) }).values;
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : "unreadable arguments", cause);
  }
}

function readTls(certPath: string | undefined, keyPath: string | undefined): Config["tls"] {
  if (certPath === undefined && keyPath === undefined) return undefined;
  if (certPath === undefined || keyPath === undefined) throw invalid("TLS_CERT and TLS_KEY go together");
  try {
    return { cert: readFileSync(certPath, "utf8"), key: readFileSync(keyPath, "utf8") };
  } catch (cause) {
    throw invalid(`cannot read the TLS files: ${cause instanceof Error ? cause.message : "unreadable"}`, cause);
  }
}

function describeIssues({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => `${String(path[0])} (--${flagOf(String(path[0]))}): ${message}`).join("; ");
}

function invalid(message: string, cause?: unknown): ChatError {
  return new ChatError("CONFIG_INVALID", message.replaceAll(/\s+/g, " "), { cause });
}
