import { chmodSync, existsSync, lstatSync, mkdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { ChatError } from "../../shared/errors.ts";
import { ControlConnection, type OwnerOptions } from "./control-connection.ts";
import { controlSocketPlaces } from "./control-socket-path.ts";
import { listenAt, stopServer } from "./private-socket.ts";
import { CONTROL_VERSION } from "./rpc.ts";

const MAX_CONNECTIONS = 64;

export interface ControlServer {
  readonly path: string;
  /** Cuts every caller off and removes the socket. */
  stop(): Promise<void>;
}

export type ControlServerOptions = OwnerOptions & {
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
  await listenAt(server, path, 0o600);
  return { path, stop: () => stopServer(server, connections) };
}
