import type { Runtime } from "../messaging/runtime.ts";
import type { Mailbox } from "./mailbox.ts";

const SWEEP_MS = 60_000;

/** Deletes what is too old, a little at a time; ends with what it answers. A failure shows at the next write. */
export function sweepNowAndThen(mailbox: Pick<Mailbox, "sweep">, { after }: Pick<Runtime, "after">): () => void {
  let cancel = () => {};
  let isOver = false;
  const again = (ms: number) => {
    if (!isOver) cancel = after(ms, sweep);
  };
  const sweep = () => {
    mailbox.sweep().then(
      (more) => again(more ? 0 : SWEEP_MS),
      () => again(SWEEP_MS),
    );
  };
  again(0);
  return () => {
    isOver = true;
    cancel();
  };
}
