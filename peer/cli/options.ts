import type { Option } from "./command.ts";

/** What every command takes. */
export const GLOBAL_OPTIONS = {
  profile: { value: "NAME", describe: "which profile (P2PCHAT_PROFILE)" },
  home: { value: "DIR", completes: "directory", describe: "where profiles live (P2PCHAT_HOME)" },
  server: { value: "URL", describe: "the naming server (P2PCHAT_SERVER)" },
  json: { describe: "results as JSON, one object a line" },
  quiet: { describe: "results and errors only" },
  verbose: { describe: "log on stderr" },
  "allow-http": { describe: "allow a naming server without TLS that is not on this machine" },
  "ca-file": { value: "FILE", completes: "file", describe: "trust these certificate authorities too (PEM)" },
  "allow-local": { describe: "dial loopback and link-local addresses of others" },
  "no-allow-local": { describe: "never do so" },
  "passphrase-file": {
    value: "FILE",
    completes: "file",
    describe: "read the passphrase from it (P2PCHAT_PASSPHRASE_FILE)",
  },
  "passphrase-command": { value: "CMD", describe: "run it and read what it prints" },
  lan: { describe: "find contacts on the local network, and be seen there (P2PCHAT_LAN)" },
  upnp: { describe: "have the local network's router open the port (P2PCHAT_UPNP)" },
  relays: {
    value: "LIST",
    completes: ["auto", "none"],
    describe: "multiaddrs of relays to use first, auto (those the server lists), none (P2PCHAT_RELAYS)",
  },
} as const satisfies Record<string, Option>;
