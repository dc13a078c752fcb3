import { ChatError } from "../../../shared/errors.ts";
import type { SendParams, SendResult } from "../../messaging/operations/messages.ts";
import type { Operations } from "../../messaging/operations.ts";
import { monotonicMs } from "../monotonic-clock.ts";
import type { BatchItem } from "./batch-file.ts";

/** What became of one message of a batch. */
export type BatchOutcome = { readonly item: BatchItem; readonly came: SendResult | ChatError };

export type SendBatchOptions = Pick<SendParams, "wait" | "timeoutMs"> & { readonly signal: AbortSignal };

/** The daemon works on 16 calls of a caller at a time. */
const AT_A_TIME = 8;

/**
 * Puts every message into the outbox first, those to one person in order; then waits for them together, until the time is
 * over. Tells of each in the order of the batch.
 */
export async function* sendBatch(
  operations: Pick<Operations, "send" | "outboxWait">,
  items: readonly BatchItem[],
  { wait, timeoutMs, signal }: SendBatchOptions,
): AsyncGenerator<BatchOutcome> {
  const accepted = await acceptAll(items, signal, ({ line: _, ...message }) =>
    operations.send({ ...message, wait: "queued", timeoutMs }),
  );
  const end = monotonicMs() + timeoutMs;
  const settle = async (came: SendResult | ChatError) => {
    if (came instanceof ChatError || wait === "queued") return came;
    const leftMs = Math.max(0, Math.round(end - monotonicMs()));
    return await attempt(() => operations.outboxWait({ id: came.id, wait, timeoutMs: leftMs }), signal);
  };
  const settled = inParallel(accepted.map((came) => () => settle(came)));
  for (const [index, item] of items.entries()) {
    const came = await settled[index];
    if (came !== undefined) yield { item, came };
  }
}

/** The same where somebody else holds the profile: what is queued is for them to send. */
export async function* queueBatch(
  queue: (params: SendParams) => Promise<SendResult>,
  items: readonly BatchItem[],
  { wait, timeoutMs, signal }: SendBatchOptions,
): AsyncGenerator<BatchOutcome> {
  for (const item of items) {
    const { line: _, ...message } = item;
    yield { item, came: await attempt(() => queue({ ...message, wait, timeoutMs }), signal) };
  }
}

/** In the order of the items; those to one person one after the other, which keeps their order. */
async function acceptAll(
  items: readonly BatchItem[],
  signal: AbortSignal,
  send: (item: BatchItem) => Promise<SendResult>,
): Promise<readonly (SendResult | ChatError)[]> {
  const accepted: (SendResult | ChatError)[] = [];
  const people = Map.groupBy(items.entries(), ([, { to }]) => personOf(to));
  const lanes = [...people.values()].map((lane) => async () => {
    for (const [index, item] of lane) accepted[index] = await attempt(() => send(item), signal);
  });
  await Promise.all(inParallel(lanes));
  return accepted;
}

/** `bob`, `Bob` and `bob@names.example.org` are one person: a profile knows one naming server. */
function personOf(typed: string): string {
  const [name = typed] = typed.toLowerCase().split("@");
  return name;
}

/** An interruption ends everything; another error is the outcome of that one message. */
async function attempt<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T | ChatError> {
  try {
    signal.throwIfAborted();
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ChatError) return error;
    throw error;
  }
}

/** Begins the tasks in order, so many at a time. */
function inParallel<T>(tasks: readonly (() => Promise<T>)[]): readonly Promise<T>[] {
  const results = tasks.map(() => Promise.withResolvers<T>());
  const queue = tasks.entries();
  const work = async () => {
    for (const [index, task] of queue) {
      const result = results[index];
      await task().then(result?.resolve, result?.reject);
    }
  };
  for (let worker = 0; worker < AT_A_TIME; worker += 1) void work();
  // Whoever stops listening at the first failure leaves the others unheard.
  for (const { promise } of results) promise.catch(() => undefined);
  return results.map(({ promise }) => promise);
}
