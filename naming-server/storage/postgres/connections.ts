import { setTimeout as delay } from "node:timers/promises";
import { Client, type ClientConfig, Pool, types } from "pg";
import { ChatError } from "../../../shared/errors.ts";
import { SERVER_LIMITS } from "../../limits.ts";
import { sqlState, storageError } from "./errors.ts";

const { INT8, BYTEA } = types.builtins;
const parseBytes: (text: string) => Uint8Array = types.getTypeParser(BYTEA);

/** Numbers, since all of ours are safe in JavaScript, and plain bytes. */
function getTypeParser(...[type, format]: Parameters<typeof types.getTypeParser>) {
  if (type === INT8) return Number;
  return type === BYTEA ? (text: string) => new Uint8Array(parseBytes(text)) : types.getTypeParser(type, format);
}

/**
 * What a `postgres://` URL says, with PostgreSQL's own options for TLS (`sslmode`, `sslrootcert`...), and our limits.
 *
 * @throws ChatError CONFIG_INVALID, with a message that quotes nothing of the URL: it may hold a password
 */
export function readDatabaseUrl(url: string): ClientConfig {
  const config = {
    connectionString: url,
    types: { getTypeParser },
    fallback_application_name: "p2pchat-naming-server",
    keepAlive: true,
    connectionTimeoutMillis: SERVER_LIMITS.databaseConnectTimeoutMs,
    lock_timeout: SERVER_LIMITS.databaseBusyTimeoutMs,
    statement_timeout: SERVER_LIMITS.databaseStatementTimeoutMs,
    idle_in_transaction_session_timeout: SERVER_LIMITS.databaseAnswerTimeoutMs,
    query_timeout: SERVER_LIMITS.databaseAnswerTimeoutMs,
  };
  try {
    new Client(config);
    return config;
  } catch (cause) {
    const isMissingFile = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    const why = isMissingFile ? "a file that it names is missing" : "it is not well formed";
    throw new ChatError("CONFIG_INVALID", `the URL of the database cannot be used: ${why}`, { cause });
  }
}

/** A connection of its own for what takes long. */
export async function openClient(config: ClientConfig, timeoutMs: number): Promise<Client> {
  const client = new Client({
    ...config,
    statement_timeout: timeoutMs,
    lock_timeout: timeoutMs,
    query_timeout: timeoutMs,
    idle_in_transaction_session_timeout: timeoutMs,
  });
  client.on("error", () => {});
  await client.connect();
  return client;
}

/** Connections that come and go as needed. One that breaks goes; whoever used it hears of it from its query. */
export function openPool(config: ClientConfig): Pool {
  const pool = new Pool({ ...config, max: SERVER_LIMITS.databaseConnections });
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  return pool;
}

/**
 * Resolves once `attempt` reaches the database; one that is only just starting is given some time.
 *
 * @throws ChatError STORAGE, SERVER_BUSY and what `attempt` throws, with a message for the operator
 */
export async function reachDatabase<T>(attempt: () => Promise<T>): Promise<T> {
  const giveUpAtMs = performance.now() + SERVER_LIMITS.databaseStartTimeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!mayPass(error) || performance.now() >= giveUpAtMs) throw unusable(error);
    }
    await delay(SERVER_LIMITS.databaseStartRetryMs);
  }
}

/** ECONNREFUSED and its like; not those of TLS. */
const SYSTEM_CODE = /^E(?!RR_)[A-Z]+$/;

/** Nothing listens, or PostgreSQL says that it is starting, stopping or full. */
function mayPass(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== undefined) return state.startsWith("57P") || state.startsWith("53");
  if (!(error instanceof Error) || error instanceof ChatError) return false;
  return !("code" in error) || SYSTEM_CODE.test(String(error.code));
}

function unusable(cause: unknown): unknown {
  if (cause instanceof ChatError || !(cause instanceof Error)) return cause;
  const known = storageError(cause);
  const code = known instanceof ChatError ? known.code : "STORAGE";
  return new ChatError(code, `cannot use the database: ${describe(cause)}`, { cause });
}

/** Of several addresses of one host each may have failed. */
function describe(error: Error): string {
  const first = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error ? first.message : "unknown fault";
}
