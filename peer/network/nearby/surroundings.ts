import { networkInterfaces } from "node:os";
import type { Runtime } from "../../messaging/runtime.ts";
import type { NetworkLimits } from "../limits.ts";

type Options = {
  readonly runtime: Pick<Runtime, "after" | "monotonic" | "now">;
  readonly limits: Pick<NetworkLimits, "surroundingsIntervalMs" | "asleepMs">;
  /** This process or the computer had stopped. */
  readonly onWoke: () => void;
  /** This computer has other addresses than before. */
  readonly onMoved: () => void;
  /** This computer's own addresses. */
  readonly addresses?: () => readonly string[];
};

/**
 * Looks every few seconds whether the time since the last look is longer than it should be, and where this computer is.
 * By either clock: a suspended computer stops the one that only rises, a process that was held stops neither. A wall
 * clock that is set ahead looks the same and costs one look too many.
 *
 * @returns ends it
 */
export function watchSurroundings(options: Options): () => void {
  const { runtime, limits, onWoke, onMoved, addresses = ownAddresses } = options;
  let [monotonicMs, wallMs] = [runtime.monotonic(), runtime.now()];
  let where = addresses().join(" ");
  let cancel = () => {};
  const look = () => {
    const passedMs = Math.max(runtime.monotonic() - monotonicMs, runtime.now() - wallMs);
    const here = addresses().join(" ");
    const [woke, moved] = [passedMs - limits.surroundingsIntervalMs > limits.asleepMs, here !== where];
    [monotonicMs, wallMs, where] = [runtime.monotonic(), runtime.now(), here];
    cancel = runtime.after(limits.surroundingsIntervalMs, look);
    if (woke) onWoke();
    if (moved) onMoved();
  };
  cancel = runtime.after(limits.surroundingsIntervalMs, look);
  return () => cancel();
}

function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .map(({ address }) => address)
    .toSorted();
}
