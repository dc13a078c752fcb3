import type { Resolver } from "../../peer/messaging/ports/contacts.ts";
import type { Runtime } from "../../peer/messaging/runtime.ts";
import type { MemoryDirectory } from "./memory-directory.ts";

/** A mailbox record is signed, and its signature checked, outside the event loop too. */
export function countedPublishing(
  { naming, runtime }: { naming: MemoryDirectory; runtime: Runtime },
  pending: { count: number },
) {
  return {
    serverNow: () => {
      pending.count += 1;
      return runtime.now();
    },
    naming: {
      ...naming,
      publishMailbox: (record: string) => naming.publishMailbox(record).finally(() => (pending.count -= 1)),
    },
  };
}

/** Record signatures are checked outside the event loop: whoever waits for quiet waits for these. */
export function counted(resolver: Resolver, pending: { count: number }): Resolver {
  const count = async <T>(work: Promise<T>): Promise<T> => {
    pending.count += 1;
    try {
      return await work;
    } finally {
      pending.count -= 1;
    }
  };
  return {
    resolve: (username, options) => count(resolver.resolve(username, options)),
    resolveDevice: (device, hint, signal) => count(resolver.resolveDevice(device, hint, signal)),
    inspect: (username, signal) => count(resolver.inspect(username, signal)),
    trust: (username, signal) => count(resolver.trust(username, signal)),
  };
}
