import type { Runtime } from "../messaging/runtime.ts";

/** Waits for the end of that work, but no longer than so many milliseconds. */
export async function within(ms: number, work: Promise<void>, { after }: Pick<Runtime, "after">): Promise<void> {
  const late = Promise.withResolvers<void>();
  const cancel = after(ms, late.resolve);
  try {
    await Promise.race([work, late.promise]);
  } finally {
    cancel();
  }
}
