import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A plain TCP connection for requests that no HTTP client would send; it ends with the test at the latest. */
export async function openSocket({ url }: { url: string }): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  return socket;
}

/** Everything that arrives until the other side ends the connection, however it does so. */
export async function readToEnd(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.on("error", () => undefined);
  if (!socket.closed) await once(socket, "close");
  return Buffer.concat(chunks).toString("latin1");
}

/** Sends bytes and reads the answer; the bytes should ask for the connection to be closed. */
export async function exchange(server: { url: string }, bytes: string): Promise<{ status: number; text: string }> {
  const socket = await openSocket(server);
  socket.write(Buffer.from(bytes, "latin1"));
  const text = await readToEnd(socket);
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), text };
}
