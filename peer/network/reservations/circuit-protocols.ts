/** Protocol ids of circuit relay v2, as its specification names them. `hop`: asked of a relay; `stop`: asked by it. */
export const HOP_PROTOCOL = "/libp2p/circuit/relay/0.2.0/hop";
export const STOP_PROTOCOL = "/libp2p/circuit/relay/0.2.0/stop";
export const CIRCUIT_PROTOCOLS = [HOP_PROTOCOL, STOP_PROTOCOL] as const;
