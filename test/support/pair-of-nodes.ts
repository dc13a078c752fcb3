import type { Connection, Stream } from "@libp2p/interface";
import { NETWORK_LIMITS } from "../../peer/network/limits.ts";
import { createNode } from "../../peer/network/transport/libp2p.ts";
import { seedOf } from "./networks.ts";

const PROTOCOL = "/test/1";

export type PairOfNodes = {
  /** As the node has it that dialled. */
  readonly connection: Connection;
  /** Both ends of a new stream; the near one is the dialler's. The connection is the other's. */
  open(): Promise<{ near: Stream; far: Stream; farConnection: Connection }>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** Two nodes as the product makes them, connected over loopback. */
export async function startPairOfNodes(): Promise<PairOfNodes> {
  const common = { gater: {}, limits: NETWORK_LIMITS };
  const answerer = await createNode({ ...common, deviceSeed: seedOf("answerer"), listen: ["/ip4/127.0.0.1/tcp/0"] });
  const dialler = await createNode({ ...common, deviceSeed: seedOf("dialler"), listen: [] });
  const opened: ((end: { far: Stream; farConnection: Connection }) => void)[] = [];
  await answerer.handle(PROTOCOL, (far, farConnection) => opened.shift()?.({ far, farConnection }));
  await Promise.all([answerer.start(), dialler.start()]);
  const connection = await dialler.dial(answerer.getMultiaddrs());
  return {
    connection,
    async open() {
      const { promise, resolve } = Promise.withResolvers<{ far: Stream; farConnection: Connection }>();
      opened.push(resolve);
      const near = await connection.newStream(PROTOCOL);
      return { near, ...(await promise) };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([answerer.stop(), dialler.stop()]);
    },
  };
}
