import { ChatError } from "../shared/errors.ts";
import { isWithinReach, type RelayReach } from "../shared/relay-reach.ts";
import type { MailboxNetwork } from "./messaging/ports/mailboxes.ts";
import type { Runtime } from "./messaging/runtime.ts";

type Options = {
  readonly allowLocal: boolean;
  /** How near a relay may be that others name. */
  readonly reach: RelayReach;
  /** Relays of the configuration: the user's word counts, wherever they are. */
  readonly own: readonly string[];
  readonly runtime: Runtime;
};

/** Relays learn nothing of this device: each connection has a key of its own. */
export function mailboxNetwork({ allowLocal, reach, own, runtime }: Options): MailboxNetwork {
  return {
    async connect(relay, signal) {
      if (!own.includes(relay) && !isWithinReach(relay, reach)) {
        throw new ChatError("PEER_UNREACHABLE", "somebody's mailbox at an address that is not dialled", {
          reason: "no-address",
        });
      }
      const { connectMailbox } = await import("./network/mailbox/mailbox-client.ts");
      return connectMailbox({ relay, allowLocal, runtime, signal });
    },
  };
}
