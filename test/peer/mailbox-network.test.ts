import { createServer } from "node:net";
import { expect, test } from "vitest";
import { mailboxNetwork } from "../../peer/mailbox-network.ts";
import { systemRuntime } from "../../peer/messaging/runtime.ts";
import { expectError } from "../support/expect-error.ts";
import { personOf } from "../support/people.ts";

/** Somebody's service on this machine, which is told of no connection that is not dialled. */
async function startService() {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    address: `/ip4/127.0.0.1/tcp/${port}/p2p/${personOf("relay").device}`,
    connections: () => connections,
    [Symbol.asyncDispose]: async () => void server.close(),
  };
}

const soon = () => AbortSignal.timeout(5000);

test("a mailbox that somebody names at a private address is not dialled", async () => {
  await using service = await startService();
  const network = mailboxNetwork({ allowLocal: true, reach: "private", own: [], runtime: systemRuntime });
  await expectError(network.connect(service.address, soon()), "PEER_UNREACHABLE", "no-address");
  expect(service.connections()).toBe(0);
});

test("one of the user's own is, wherever it is", async () => {
  await using service = await startService();
  const own = [service.address];
  const network = mailboxNetwork({ allowLocal: true, reach: "global", own, runtime: systemRuntime });
  await expectError(network.connect(service.address, soon()), "PEER_UNREACHABLE", "dial");
  expect(service.connections()).toBe(1);
});
