import type { Path } from "../messaging/path.ts";

/** How a connection runs; the mailbox has none. */
export type ConnectionPath = Exclude<Path, "mailbox">;

type Routed = {
  /** libp2p's word on it: false for a connection inside a relay's. */
  readonly direct: boolean;
};

const punched = new WeakSet<Routed>();

/** Says of a direct connection that it took a punched hole; nothing in its address tells. */
export function markPunched(connection: Routed): void {
  punched.add(connection);
}

export function pathOf(connection: Routed): ConnectionPath {
  // not by its limits: a relay need not set any
  if (!connection.direct) return "relay";
  return punched.has(connection) ? "punched" : "direct";
}
