import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { bytesHeard } from "../../../../peer/network/transport/tcp.ts";
import { startPairOfNodes } from "../../../support/pair-of-nodes.ts";

/** Sockets that this process opens meanwhile. */
async function socketsOf<T>(run: () => Promise<T>): Promise<{ sockets: Socket[]; result: T }> {
  const sockets: Socket[] = [];
  const onSocket = (message: unknown) => void sockets.push((message as { socket: Socket }).socket);
  subscribe("net.client.socket", onSocket);
  try {
    return { result: await run(), sockets };
  } finally {
    unsubscribe("net.client.socket", onSocket);
  }
}

/** Counts what goes to the system, as Node's streams hand it over. */
function writesTo(socket: Socket): () => number {
  let writes = 0;
  const { _write: write, _writev: writev } = socket;
  socket._write = (...args) => {
    writes += 1;
    write.apply(socket, args);
  };
  socket._writev = (...args) => {
    writes += 1;
    writev?.apply(socket, args);
  };
  return () => writes;
}

describe("a connection", () => {
  test("writes once what is sent in one turn of the event loop, whatever streams it is sent on", async () => {
    const { result, sockets } = await socketsOf(() => startPairOfNodes());
    await using nodes = result;
    const [one, two] = [await nodes.open(), await nodes.open()];
    const [socket] = sockets;
    if (socket === undefined) throw new Error("no socket was opened");
    const arrived = [one, two].map(
      ({ far }) => new Promise((resolve) => far.addEventListener("message", resolve, { once: true })),
    );
    const writes = writesTo(socket);
    for (const { near } of [one, two, one]) near.send(new Uint8Array(1000));
    expect(writes()).toBe(0);
    await Promise.all(arrived);
    expect(writes()).toBe(1);
  });

  test("keeps no more than it must of what is too much for the system", async () => {
    const { result, sockets } = await socketsOf(() => startPairOfNodes());
    await using nodes = result;
    const { near } = await nodes.open();
    const [socket] = sockets;
    if (socket === undefined) throw new Error("no socket was opened");
    const writes = writesTo(socket);
    near.send(new Uint8Array(200_000));
    expect(writes()).toBe(1);
  });

  test("knows how much has come in", async () => {
    await using nodes = await startPairOfNodes();
    const { connection } = nodes;
    const before = bytesHeard(connection) ?? 0;
    const { near, far } = await nodes.open();
    const arrived = new Promise((resolve) => near.addEventListener("message", resolve, { once: true }));
    far.send(new Uint8Array(1000));
    await arrived;
    expect((bytesHeard(connection) ?? 0) - before).toBeGreaterThan(1000);
    expect(bytesHeard({ timeline: { open: 0 } })).toBeUndefined();
  });
});
