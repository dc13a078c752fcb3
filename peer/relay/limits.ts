/** What a relay gives to others, in one place to review. Sizes are bytes; an operator may change each by name. */
export const RELAY_LIMITS = {
  // A network is an IPv4 address or an IPv6 /64, a site an IPv6 /48. Providers give a /64 to a phone and a /48 to whoever
  // asks for one: a site gets what so many networks get.

  networksPerSite: 4,

  // Connections

  connections: 2600,
  connectionsPerNetwork: 200,

  // NAT relay

  reservations: 2000,
  reservationsPerNetwork: 64,
  /** Relayed connections at once; of one user, whichever end. */
  relayed: 1000,
  relayedPerUser: 32,
  /** Of those of one user, to which somebody in one site, or at one IPv4 address, may ask for. */
  relayedPerUserAndSite: 16,
  /** Of those that are asked for from one network: keys cost nothing to make. */
  relayedPerNetwork: 128,
  /** Of one relayed connection; then it is cut, and made anew where it is still wanted. */
  relayedSeconds: 4 * 3600,
  /** Both ways together, in an hour, of the connections that a user, or somebody in a network, asked for. */
  bytesPerUserAndHour: 256 * 1024 * 1024,
  bytesPerNetworkAndHour: 4 * 1024 * 1024 * 1024,
  bytesPerHour: 32 * 1024 * 1024 * 1024,

  // Mailbox

  mailboxConnections: 300,
  mailboxConnectionsPerNetwork: 32,
  boxes: 10_000,
  /** Of all parcels together. Of this and `spentTokens` two fifths are for whoever comes first, the rest for all boxes alike. */
  bytes: 1024 * 1024 * 1024,
  /** Tokens that were used and must be remembered. */
  spentTokens: 4_000_000,
  spentTokensPerBox: 10_000,
  parcelsPerBox: 1000,
  bytesPerBox: 16 * 1024 * 1024,
  parcelsPerRequestsBox: 32,
  bytesPerRequestsBox: 1024 * 1024,
  keepSeconds: 30 * 24 * 3600,
  boxesPerStream: 32,
  /** Of each network; as many at once as in ten seconds, and of boxes as in an hour or a day. */
  newBoxesPerHour: 20,
  newBoxesPerDay: 60,
  depositsPerSecond: 60,
  otherRequestsPerSecond: 60,
  /** Of parcels in answers, to one network; as many at once as in an hour. */
  fetchedBytesPerHour: 256 * 1024 * 1024,
} as const satisfies Record<string, number>;

export type RelayLimits = { readonly [Name in keyof typeof RELAY_LIMITS]: number };
