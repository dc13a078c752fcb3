import type { Connection, MultiaddrConnection } from "@libp2p/interface";
import type { Muxer } from "../../peer/network/transport/libp2p-internals.ts";

/** What a libp2p connection is made of, which it does not tell. */
export function partsOf(connection: Connection): { readonly muxer: Muxer; readonly socket: MultiaddrConnection } {
  const { muxer, maConn } = connection as unknown as { muxer: Muxer; maConn: MultiaddrConnection };
  return { muxer, socket: maConn };
}
