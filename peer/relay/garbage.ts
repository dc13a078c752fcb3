import { setFlagsFromString } from "node:v8";
import type { Runtime } from "../messaging/runtime.ts";

const LOOK_EVERY_MS = 5000;
const CROWD = 500;
/** Of what is in use after a collection, the room for garbage before the next; 0 leaves it to V8, which gives 300. */
const PERCENT = { crowd: 50, few: 0 } as const;

/**
 * Every ping leaves timers and signals behind that only a full collection frees. With thousands of connections V8 would
 * let hundreds of megabytes of them lie; with few of them, collecting sooner costs more than it gives. The answer stops it.
 */
export function collectSoonerInCrowds(connections: () => number, runtime: Pick<Runtime, "after">): () => void {
  let stop = () => {};
  const look = () => {
    setFlagsFromString(`--heap-growing-percent=${connections() > CROWD ? PERCENT.crowd : PERCENT.few}`);
    stop = runtime.after(LOOK_EVERY_MS, look);
  };
  look();
  return () => stop();
}
