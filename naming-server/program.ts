import { readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { destination, type Logger, pino } from "pino";
import * as z from "zod";
import { ChatError, isChatError } from "../shared/errors.ts";
import { backUp } from "./backup.ts";
import { type Command, readCommand, USAGE, VERBS } from "./command-line.ts";
import type { Config } from "./config.ts";
import { makeInvite } from "./invite.ts";
import { migrateStore } from "./migrate-store.ts";
import { type NamingServer, startNamingServer } from "./naming-server.ts";
import { declareRestored, restoreBackup } from "./restore.ts";
import { sqliteFileOf } from "./storage/open-store.ts";

/** Whoever reads the logs slowly, or not at all, must not hold the server up: then lines are dropped. */
const LOG_DESTINATION = { fd: 2, sync: false, maxLength: 1024 * 1024 } as const;

const EXIT = { ok: 0, userError: 1, unexpected: 2, storage: 3 } as const;

/** Runs until a signal ends it; resolves with the exit code. */
export async function runProgram(args: readonly string[], env: Readonly<Record<string, string | undefined>>) {
  try {
    return await run(readCommand(args, env));
  } catch (error) {
    process.stderr.write(`${complaintOf(error, process.stderr.isTTY || !isToServe(args))}\n`);
    return exitCodeOf(error);
  }
}

/** Whoever collects the logs of a server reads JSON, also of one that does not start. */
function complaintOf(error: unknown, forPeople: boolean): string {
  const message = error instanceof Error ? error.message : "unexpected fault";
  const msg = message.replaceAll(/\s+/g, " ");
  if (forPeople) return `p2pchat-naming-server: ${msg}`;
  const code = isChatError(error) ? error.code : "INTERNAL";
  return JSON.stringify({ level: pino.levels.values["fatal"], time: Date.now(), code, msg });
}

/** True where no command is given, whatever else is wrong with the arguments. */
function isToServe(args: readonly string[]): boolean {
  return !VERBS.some((verb) => args.includes(verb));
}

async function run(command: Command): Promise<number> {
  if (command.run === "serve") await serveUntilSignal(command.config);
  else process.stdout.write(`${await outputOf(command)}\n`);
  return EXIT.ok;
}

/** Does what is done at once, and answers what is to be printed. */
async function outputOf(command: Exclude<Command, { run: "serve" }>): Promise<string> {
  if (command.run === "help") return USAGE.trimEnd();
  if (command.run === "version") return readVersion();
  if (command.run === "invite") return makeInvite(command, Date.now());
  if (command.run === "migrate-store") return migrateStore(command);
  if (command.run === "restored") return declareRestored(command.config, Date.now());
  const { file } = command;
  const databasePath = requireFile(command.config);
  if (command.run === "backup") {
    await backUp(databasePath, file);
    return `backed up to ${file}`;
  }
  const aside = await restoreBackup({ databasePath, file, force: command.force }, Date.now());
  return `restored from ${file}${aside === undefined ? "" : `; what was there is now ${aside}`}`;
}

function requireFile({ databaseUrl }: Config): string {
  const file = sqliteFileOf(databaseUrl);
  if (file !== undefined) return file;
  throw new ChatError("CONFIG_INVALID", "only SQLite is backed up and restored here; use pg_dump and pg_restore");
}

async function serveUntilSignal(config: Config): Promise<void> {
  const log = pino({ level: config.logLevel, base: null }, destination(LOG_DESTINATION));
  const signal = nextSignal();
  const server = await startNamingServer(config, { now: Date.now, log });
  process.stdout.write(`naming server listening on ${server.url}\n`);
  log.info({ url: server.url, publicUrl: server.publicUrl }, "started");
  log.info({ signal: await signal }, "stopping");
  await stop(server, log);
}

async function stop(server: NamingServer, log: Logger): Promise<void> {
  await server.stop();
  log.info("stopped");
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, resolve);
  });
}

function exitCodeOf(error: unknown): number {
  if (isChatError(error, "CONFIG_INVALID")) return EXIT.userError;
  return isChatError(error) ? EXIT.storage : EXIT.unexpected;
}

function readVersion(): string {
  const path = findPackageJSON(import.meta.url);
  if (path === undefined) throw new Error("package.json is missing");
  return z.object({ version: z.string() }).parse(JSON.parse(readFileSync(path, "utf8"))).version;
}
