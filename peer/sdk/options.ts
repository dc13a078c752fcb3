export type PlaceOptions = {
  /** `P2PCHAT_PROFILE`, or `default`. */
  readonly profile?: string;
  /** The directory of the profiles: `P2PCHAT_HOME`, or the user's data directory. */
  readonly home?: string;
};

export type ConnectOptions = PlaceOptions & {
  /** How long a daemon may take to answer; 10 s unless said otherwise. */
  readonly timeoutMs?: number;
  readonly apiSocket?: never;
  readonly token?: never;
};

/** As the holder of a token: nothing of the profile is needed. */
export type TokenOptions = {
  /** Where `p2pchat listen --api-socket` serves. */
  readonly apiSocket: string;
  /** As `p2pchat token create` shows it. */
  readonly token: string;
  readonly timeoutMs?: number;
};

export type OpenOptions = PlaceOptions & {
  /** Where the passphrase of sealed keys stands. Without it, and without one in the configuration, a terminal is asked. */
  readonly passphraseFile?: string;
  /** TCP port to listen on; any free one unless said otherwise. */
  readonly port?: number;
  /** Contacts who come and go are events too. */
  readonly presence?: boolean;
  /** The commands of `p2pchat`, and `connect`, reach this profile through this process. */
  readonly controlSocket?: boolean;
  /** How long to wait for whoever else uses the profile; 10 s unless said otherwise. */
  readonly timeoutMs?: number;
};
