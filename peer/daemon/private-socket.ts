import { chmodSync } from "node:fs";
import type { Server } from "node:net";

/** Listens at a path that is not open to others at any moment before it has its mode. */
export async function listenAt(server: Server, path: string, mode: number): Promise<void> {
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
  chmodSync(path, mode);
}

/** Cuts every caller off; the socket is removed with it. */
export async function stopServer(server: Server, connections: Iterable<{ close(): void }>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  for (const connection of connections) connection.close();
  await promise;
}
