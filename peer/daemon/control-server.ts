import { chmodSync, existsSync, lstatSync, mkdirSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { dirname } from "node:path";
import { ChatError } from "../../shared/errors.ts";
import { type ConnectionOptions, ControlConnection } from "./control-connection.ts";
import { controlSocketPlaces } from "./control-socket-path.ts";
import { CONTROL_VERSION } from "./rpc.ts";

const MAX_CONNECTIONS = 64;

export interface ControlServer {
  readonly path: string;
  /** Cuts every caller off and removes the socket. */
  stop(): Promise<void>;
}

export type ControlServerOptions = ConnectionOptions & {
  /** The profile's real path. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly peerId: string;
};

/**
 * Serves this profile's operations to this user's other processes. The caller holds the profile's lock, so a socket
 * that is already there belongs to a daemon that died, and is removed.
 *
 * @throws ChatError STORAGE where no place for the socket can be used
 */
export async function startControlServer(options: ControlServerOptions): Promise<ControlServer> {
  const failures: unknown[] = [];
  for (const path of controlSocketPlaces(options.directory, options.env)) {
    try {
      preparePlace(path);
      return await serveAt(path, options);
    } catch (error) {
      failures.push(error);
    }
  }
  throw new ChatError("STORAGE", "there is no place for the control socket", {
    reason: "socket",
    cause: new AggregateError(failures),
  });
}

/** A directory of ours that nobody else can enter, without the socket of a dead daemon. */
function preparePlace(path: string): void {
  const directory = dirname(path);
  // One level and no more: the session's directory is not ours to make, and in /proc a recursive one never ends.
  if (!existsSync(directory)) mkdirSync(directory, { mode: 0o700 });
  const found = lstatSync(directory);
  if (!found.isDirectory() || found.uid !== process.geteuid?.()) throw new Error(`${directory} is not ours`);
  chmodSync(directory, 0o700);
  const stale = lstatSync(path, { throwIfNoEntry: false });
  if (stale === undefined) return;
  if (!stale.isSocket()) throw new Error(`${path} is not a socket`);
  rmSync(path);
}

async function serveAt(path: string, options: ControlServerOptions): Promise<ControlServer> {
  const connections = new Set<ControlConnection>();
  const hello = { v: CONTROL_VERSION, peerId: options.peerId, pid: process.pid };
  const server = createServer((socket) => {
    const connection = new ControlConnection(socket, options);
    connections.add(connection);
    void connection.serve(hello).finally(() => connections.delete(connection));
  });
  server.maxConnections = MAX_CONNECTIONS;
  await listenPrivately(server, path);
  return { path, stop: () => stop(server, connections) };
}

/** The socket must never be open to others, not even until the change of its mode. */
async function listenPrivately(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const umask = process.umask(0o077);
  try {
    server.once("error", reject);
    server.listen(path, resolve);
  } finally {
    process.umask(umask);
  }
  await promise;
  server.off("error", reject);
  chmodSync(path, 0o600);
}

async function stop(server: Server, connections: Iterable<ControlConnection>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  for (const connection of connections) connection.close();
  await promise;
}
