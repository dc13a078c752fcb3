import { readFileSync } from "node:fs";
import * as z from "zod";
import { ChatError } from "../shared/errors.ts";
import { audienceSchema, parsed } from "../shared/schemas.ts";
import { REGISTRATIONS, type Registration } from "./admission.ts";
import { parseTrustedProxies, type TrustedProxies } from "./client-network.ts";
import { ALLOWANCES, type Allowances, RATE_LIMITS, type RateLimits, scaleAllowances, scaleRates } from "./limits.ts";
import { parseRelayAdmission, type RelayAdmission } from "./relay-list.ts";
import { isDatabaseUrl } from "./storage/open-store.ts";

export type Config = {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** `sqlite:FILE` or `postgres://...`, which may hold a password. */
  readonly databaseUrl: string;
  /** Without it, the URL it listens on. */
  readonly publicUrl?: string | undefined;
  /** PEM texts. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  readonly logLevel: string;
  /** Without them, `X-Forwarded-For` says nothing. */
  readonly trustedProxies?: TrustedProxies | undefined;
  readonly rates: RateLimits;
  readonly allowances: Allowances;
  readonly registration: Registration;
  readonly relays: RelayAdmission;
};

const FACTOR_RANGE = "a number above 0, such as 2.5";
const PORT_RANGE = "a number from 0 to 65535";

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
    .refine(isDatabaseUrl, "names are kept in SQLite or PostgreSQL, so use sqlite:FILE or postgres://HOST/DATABASE")
    .describe("where names are kept: sqlite:FILE or postgres://... (sqlite:./naming.db)"),
  PUBLIC_URL: z
    .string()
    .transform((text) => (URL.canParse(text) ? new URL(text).href.replace(/\/$/, "") : text))
    .pipe(audienceSchema.refine((url) => !url.includes("+"), "a + cannot be part of the name of the log's key"))
    .optional()
    .describe("how clients reach it (the URL it listens on)"),
  TLS_CERT: z.string().optional().describe("PEM file with the certificate chain"),
  TLS_KEY: z.string().optional().describe("PEM file with its private key"),
  REGISTRATION: z.enum(REGISTRATIONS).default("open").describe("who gets a new name: open, invite or closed (open)"),
  RELAYS: parsed(parseRelayAdmission)
    .default("open")
    .describe("who is listed as a relay: open, closed, or peer ids with commas between them (open)"),
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

/** Every setting by its environment variable. */
export const SETTINGS = Object.entries(settingsSchema.shape).map(([variable, { description = "" }]) => {
  return { variable, description };
});

/** `--public-url` for `PUBLIC_URL`. */
export function flagOf(variable: string): string {
  return variable.toLowerCase().replaceAll("_", "-");
}

/** @throws ChatError CONFIG_INVALID */
export function readConfig(
  flags: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
): Config {
  const given = SETTINGS.map(({ variable }) => [variable, flags[flagOf(variable)] ?? (env[variable] || undefined)]);
  const settings = settingsSchema.safeParse(Object.fromEntries(given));
  if (settings.success) return toConfig(settings.data);
  throw invalid(describeIssues(settings.error));
}

function toConfig(settings: z.output<typeof settingsSchema>): Config {
  return {
    host: settings.HOST,
    port: settings.PORT,
    databaseUrl: settings.DATABASE_URL,
    publicUrl: settings.PUBLIC_URL,
    tls: readTls(settings.TLS_CERT, settings.TLS_KEY),
    logLevel: settings.LOG_LEVEL,
    trustedProxies: settings.TRUST_PROXY,
    rates: scaleRates(RATE_LIMITS, settings.RATE_LIMIT_FACTOR),
    allowances: scaleAllowances(ALLOWANCES, settings.RATE_LIMIT_FACTOR),
    registration: settings.REGISTRATION,
    relays: settings.RELAYS,
  };
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
