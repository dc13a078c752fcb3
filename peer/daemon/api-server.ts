import { lstatSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { dirname, resolve } from "node:path";
import { ChatError } from "../../shared/errors.ts";
import type { Access } from "../messaging/operations/tokens.ts";
import { ControlConnection } from "./control-connection.ts";
import type { ControlServer } from "./control-server.ts";
import { listenAt, stopServer } from "./private-socket.ts";
import { CONTROL_VERSION } from "./rpc.ts";

/** Callers who have shown a token. */
const MAX_HOLDERS = 64;
/** Callers who have shown none yet; the oldest gives way to the next. */
const MAX_NAMELESS = 256;
/** Those who gave way are counted until the system has closed them. */
const MAX_CONNECTIONS = MAX_HOLDERS + 2 * MAX_NAMELESS;
const NAMELESS_MS = 5000;

export type ApiServerOptions = {
  readonly path: string;
  /** 0600: programs of this user in a sandbox of their own. 0660: of its group too. */
  readonly mode: number;
  readonly access: Access;
  readonly namelessMs?: number;
  readonly slowReaderMs?: number;
};

/**
 * Serves programs that have a token, and nothing to those that have none.
 *
 * @throws ChatError CONFIG_INVALID for a place where others could put a socket of theirs; STORAGE (reason `socket`) where
 *   one answers already or cannot be made
 */
export async function startApiServer(options: ApiServerOptions): Promise<ControlServer> {
  const path = resolve(options.path);
  await preparePlace(path);
  const [holders, nameless] = [new Set<ControlConnection>(), new Set<ControlConnection>()];
  const server = createServer((socket) => {
    const connection = new ControlConnection(socket, {
      ...options,
      admitted: () => {
        if (holders.size >= MAX_HOLDERS) throw new ChatError("QUOTA", "too many callers", { reason: "connections" });
        clearTimeout(patience);
        nameless.delete(connection);
        holders.add(connection);
      },
    });
    const patience = setTimeout(() => connection.close(), options.namelessMs ?? NAMELESS_MS);
    makeRoom(nameless);
    nameless.add(connection);
    void connection.serve({ v: CONTROL_VERSION, api: true }).finally(() => {
      clearTimeout(patience);
      holders.delete(connection);
      nameless.delete(connection);
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  try {
    await listenAt(server, path, options.mode);
  } catch (cause) {
    throw new ChatError("STORAGE", "the API socket cannot be made", { reason: "socket", cause });
  }
  return { path, stop: () => stopServer(server, [...holders, ...nameless]) };
}

function makeRoom(nameless: Set<ControlConnection>): void {
  const [oldest] = nameless;
  if (nameless.size < MAX_NAMELESS || oldest === undefined) return;
  // At once: it has not gone before the next one comes.
  nameless.delete(oldest);
  oldest.close();
}

/** In a directory where others can write, one of them could wait in our place for tokens. */
async function preparePlace(path: string): Promise<void> {
  const directory = lstatSync(dirname(path), { throwIfNoEntry: false });
  const user = process.geteuid?.();
  if (!directory?.isDirectory() || ![user, 0].includes(directory.uid) || (directory.mode & 0o022) !== 0) {
    throw new ChatError("CONFIG_INVALID", "the API socket goes into an existing directory where only you can write");
  }
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket() || found.uid !== user || (await answers(path))) {
    throw new ChatError("STORAGE", "something else stands where the API socket is to be", { reason: "socket" });
  }
  rmSync(path);
}

/** Whether a program listens there; one that died leaves its socket. */
async function answers(path: string): Promise<boolean> {
  const { promise, resolve: decide } = Promise.withResolvers<boolean>();
  const socket = connect(path, () => decide(true));
  socket.once("error", () => decide(false));
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}
