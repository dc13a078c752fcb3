import type { Socket } from "node:net";
import type { Connection, MultiaddrConnection, Transport, Upgrader } from "@libp2p/interface";
import { type TCPComponents, type TCPOptions, tcp as tcpOfLibp2p } from "@libp2p/tcp";
import { carrierKey, hasSocket } from "./libp2p-internals.ts";
import { boundAnswers } from "./negotiation.ts";

/** By what a libp2p connection shares with the one below it. */
const sockets = new WeakMap<object, Socket>();

/**
 * libp2p's TCP, but what a connection sends in one turn of the event loop goes out in one write. libp2p makes two for each
 * encrypted frame, and several frames where one comes in.
 */
export function tcp(options: TCPOptions = {}): (components: TCPComponents) => Transport {
  return (components) => {
    const transport = tcpOfLibp2p(options)(components);
    const dial = transport.dial.bind(transport);
    const createListener = transport.createListener.bind(transport);
    transport.dial = (address, init) => dial(address, { ...init, upgrader: gathering(init.upgrader) });
    transport.createListener = (init) => createListener({ ...init, upgrader: gathering(init.upgrader) });
    return transport;
  };
}

/** How many bytes have come in so far; undefined for a connection without a socket of its own, such as a relayed one. */
export function bytesHeard(connection: Pick<Connection, "timeline">): number | undefined {
  return sockets.get(carrierKey(connection))?.bytesRead;
}

function gathering(upgrader: Upgrader): Upgrader {
  const upgradeInbound: Upgrader["upgradeInbound"] = (connection, options) => {
    gatherWrites(connection);
    boundAnswers(connection);
    return upgrader.upgradeInbound(connection, options);
  };
  const upgradeOutbound: Upgrader["upgradeOutbound"] = (connection, options) => {
    gatherWrites(connection);
    return upgrader.upgradeOutbound(connection, options);
  };
  return Object.assign(Object.create(upgrader), { upgradeInbound, upgradeOutbound });
}

/**
 * The socket takes all that is sent at once, full or not: libp2p would keep the rest, and say that it has room again while it
 * still has that, so that it grew with each time.
 */
function gatherWrites(connection: MultiaddrConnection): void {
  if (!hasSocket(connection)) return;
  const { socket } = connection;
  sockets.set(carrierKey(connection), socket);
  let isGathering = false;
  const flush = () => {
    if (!isGathering) return;
    isGathering = false;
    socket.uncork();
  };
  connection.sendData = (data) => {
    if (!isGathering) {
      isGathering = true;
      socket.cork();
      setImmediate(flush);
    }
    let canSendMore = true;
    for (const part of data) canSendMore = socket.write(part);
    // it waits for the socket now
    if (!canSendMore) flush();
    return { sentBytes: data.byteLength, canSendMore };
  };
}
