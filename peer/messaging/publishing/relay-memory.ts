import type { Store } from "../store.ts";

/** Which relays passed connections on last, over restarts; what a disk that fails costs is the time to find them again. */
export function relayMemory({ mailbox, mark }: Pick<Store, "mailbox" | "mark">, failed: (error: unknown) => void) {
  return {
    worked(): readonly string[] {
      try {
        return mailbox.relaysWorked();
      } catch (error) {
        failed(error);
        return [];
      }
    },
    save(relays: readonly string[]): void {
      try {
        mark(() => mailbox.saveRelaysWorked(relays));
      } catch (error) {
        failed(error);
      }
    },
  };
}
