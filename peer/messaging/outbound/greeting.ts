import { pause } from "../../../shared/pause.ts";
import type { Runtime } from "../runtime.ts";

export const GREETED_AT_ONCE = 8;
const LONGEST_PAUSE_MS = 1000;

type Greeting = () => Promise<void>;

/**
 * Greets a few at once, in any order, each after a pause of any length: many contacts cost no storm of dials and look-ups,
 * and people who start at the same moment do not meet everywhere at the same moment.
 */
export async function greetAll(runtime: Runtime, greetings: readonly Greeting[], signal: AbortSignal): Promise<void> {
  const due = shuffled(greetings, runtime);
  const greetNext = async () => {
    for (let greet = due.pop(); greet !== undefined && !signal.aborted; greet = due.pop()) {
      await greet();
      await pause(runtime, Math.ceil(runtime.random() * LONGEST_PAUSE_MS), signal);
    }
  };
  await Promise.all(Array.from({ length: GREETED_AT_ONCE }, greetNext));
}

function shuffled<T>(items: readonly T[], runtime: Runtime): T[] {
  return items
    .map((item) => ({ item, place: runtime.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
