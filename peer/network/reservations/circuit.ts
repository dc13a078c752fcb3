import type { CircuitRelayTransportComponents } from "@libp2p/circuit-relay-v2";
import type { Connection, Stream } from "@libp2p/interface";
import { isCircuitTransport } from "../transport/libp2p-internals.ts";

/** Connections inside a relay's. */
export type Circuits = {
  /** A relay passes a connection on to this device. */
  accept(stream: Stream, connection: Connection): Promise<void>;
};

/**
 * Adds libp2p's relay transport to a node: it dials, and takes what a relay passes on. It is never started, so it
 * searches for no relay, keeps no reservation (one that it made would not come back after the relay's restart) and serves
 * no stranger who poses as a relay; whom to accept from is the caller's to decide.
 */
export async function addCircuits(components: CircuitRelayTransportComponents): Promise<Circuits> {
  const { circuitRelayTransport } = await import("@libp2p/circuit-relay-v2");
  const transport = circuitRelayTransport()(components);
  if (!isCircuitTransport(transport)) throw new Error("another transport than libp2p had");
  // asked before each connection it takes; without a reservation of its own it would go and make one
  transport.reservationStore.hasReservation = () => true;
  components.transportManager.add(transport);
  return { accept: (stream, connection) => transport.onStop(stream, connection) };
}
