import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { pino } from "pino";
import { onTestFinished } from "vitest";
import type { Config } from "../../naming-server/config.ts";
import { ALLOWANCES, RATE_LIMITS, scaleAllowances, scaleRates } from "../../naming-server/limits.ts";
import { realPace } from "../../naming-server/log/pace.ts";
import { type NamingServer, startNamingServer } from "../../naming-server/naming-server.ts";
import type { Problem } from "../../shared/api.ts";
import { type AssertionClaims, signAssertion } from "../../shared/assertion.ts";
import { JOSE_MEDIA_TYPE } from "../../shared/protocol.ts";
import { type Child, nextLine, startCommand } from "./child-process.ts";
import { AUDIENCE, NOW_MS, type Person, personOf, recordTextOf } from "./people.ts";
import { PROGRAMS } from "./programs.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/** A server in this process; `clock.nowMs` is its time. */
export type TestServer = NamingServer & {
  readonly clock: { nowMs: number };
  readonly databasePath: string;
  readonly log: readonly string[];
};

export type Options = Partial<Config> & {
  /** The file of its SQLite, in place of `databaseUrl`. */
  readonly databasePath?: string;
  readonly clock?: { nowMs: number };
  readonly monotonic?: () => number;
};

/** For tests of something else that ask for more than one person would. */
export const PLENTY = { rates: scaleRates(RATE_LIMITS, 1e6), allowances: scaleAllowances(ALLOWANCES, 1e6) };

/** Starts a naming server on a free port of loopback, with an empty database unless told otherwise. */
export async function startTestServer(options: Options = {}): Promise<TestServer> {
  const { clock = { nowMs: NOW_MS }, monotonic, ...config } = options;
  const { databasePath = join(temporaryDirectory(), "naming.db"), ...settings } = config;
  const log: string[] = [];
  const server = await startNamingServer(
    {
      host: "127.0.0.1",
      port: 0,
      publicUrl: AUDIENCE,
      logLevel: "debug",
      rates: RATE_LIMITS,
      allowances: ALLOWANCES,
      registration: "open",
      relays: "open",
      databaseUrl: `sqlite:${databasePath}`,
      ...settings,
    },
    {
      now: () => clock.nowMs,
      ...(monotonic && { monotonic }),
      log: pino({ level: "debug" }, { write: (line) => void log.push(line) }),
      pace: realPace(0),
    },
  );
  onTestFinished(() => server.stop());
  return { ...server, clock, databasePath, log };
}

type ProcessOptions = ({ readonly databasePath: string } | { readonly databaseUrl: string }) & {
  readonly args?: readonly string[];
  /** What it is to do instead of serving. */
  readonly command?: string;
  /** A command that starts the server in turn (strace, unshare). */
  readonly wrapper?: readonly string[];
};

/** Starts the program itself, without waiting for it. */
export function spawnNamingServer({ args = [], wrapper = [], command, ...database }: ProcessOptions): Child {
  const url = "databaseUrl" in database ? database.databaseUrl : `sqlite:${database.databasePath}`;
  const verb = command === undefined ? [] : [command];
  const flags = ["--port", "0", "--database-url", url, "--public-url", AUDIENCE, ...args];
  return startCommand([...wrapper, process.execPath, PROGRAMS.namingServer, ...verb, ...flags]);
}

const READY = /^naming server listening on (http\S+)$/;

/** Starts the program itself and waits until it says where it listens. */
export async function startServerProcess(options: ProcessOptions): Promise<{ url: string; child: Child }> {
  const child = spawnNamingServer(options);
  const line = await nextLine(child);
  const [, url] = READY.exec(line) ?? [];
  if (url === undefined) throw new Error(`not the line of a server that is ready: ${line}`);
  return { url, child };
}

export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; undefined without one. */
  readonly json: unknown;
};

export type Call = {
  readonly token?: string | undefined;
  readonly type?: string | undefined;
  readonly body?: string | Uint8Array<ArrayBuffer> | undefined;
  readonly headers?: Readonly<Record<string, string>>;
};

export async function call(server: { url: string }, method: string, path: string, options: Call = {}): Promise<Answer> {
  const { token, type, body, headers } = options;
  const response = await fetch(`${server.url}${path}`, {
    method,
    body: body ?? null,
    signal: AbortSignal.timeout(20_000),
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(type !== undefined && { "content-type": type }),
      ...headers,
    },
  });
  const text = await response.text();
  const isJson = text !== "" && /\bjson\b/.test(response.headers.get("content-type") ?? "");
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
}

/** Status, code and reason of a refusal; a success shows as its status alone. */
export function refusal({ status, json }: Answer): { status: number; code?: string; reason?: string } {
  const { code, reason } = (json ?? {}) as Partial<Problem>;
  return { status, ...(code !== undefined && { code }), ...(reason !== undefined && { reason }) };
}

export function putRecord(server: { url: string }, name: string, record: string, headers = {}): Promise<Answer> {
  return call(server, "PUT", `/v1/names/${name}`, { type: JOSE_MEDIA_TYPE, body: record, headers });
}

/** Registers a person with a record of the server's time. */
export async function register(server: TestServer, person: Person): Promise<string> {
  const record = await recordTextOf(person, { iat: Math.floor(server.clock.nowMs / 1000) });
  const { status, text } = await putRecord(server, person.username, record);
  if (status !== 201) throw new Error(`registering ${person.username} failed: ${text}`);
  return record;
}

export function claimsOf(person: Person, nowMs: number, change: Partial<AssertionClaims> = {}): AssertionClaims {
  const iat = Math.floor(nowMs / 1000);
  const { username, aud } = person;
  return { iss: username, sub: username, aud, jti: randomUUID(), iat, exp: iat + 60, ...change };
}

export function assertionOf(person: Person, nowMs: number, change: Partial<AssertionClaims> = {}): Promise<string> {
  return signAssertion(claimsOf(person, nowMs, change), person.device, person.deviceKey);
}

export function requestToken(server: { url: string }, assertion: string): Promise<Answer> {
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: assertion,
  });
  return call(server, "POST", "/v1/token", { type: "application/x-www-form-urlencoded", body: form.toString() });
}

export async function signIn(server: { url: string; clock?: { nowMs: number } }, person: Person): Promise<string> {
  const answer = await requestToken(server, await assertionOf(person, server.clock?.nowMs ?? Date.now()));
  if (answer.status !== 200) throw new Error(`${person.username} gets no token: ${answer.text}`);
  return (answer.json as { access_token: string }).access_token;
}

/** A server where somebody uninvolved, mallory, is signed in and can look at any name. */
export async function startWatchedServer(options: Options = {}) {
  const server = await startTestServer(options);
  const mallory = personOf("mallory");
  await register(server, mallory);
  const token = await signIn(server, mallory);
  return {
    server,
    look: (name: string, headers = {}) => call(server, "GET", `/v1/names/${name}`, { token, headers }),
    history: (name: string, query = "") => call(server, "GET", `/v1/names/${name}/history${query}`, { token }),
  };
}
