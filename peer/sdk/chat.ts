import { ChatError } from "../../shared/errors.ts";
import { OPERATION_NAMES } from "../daemon/operation-names.ts";
import type { ChatEvent, ConsumeOptions, Consumer, PresenceEvent } from "../messaging/operations/feed.ts";
import type { ChangeParams } from "../messaging/operations/messages.ts";
import type { OperationName, Operations } from "../messaging/operations.ts";

type Patience = Pick<ChangeParams, "wait" | "timeoutMs">;
type PatientName = {
  [Name in OperationName]: Parameters<Operations[Name]> extends [Patience] ? Name : never;
}[OperationName];

/** `stored`, for at most 10 s, unless said otherwise; `timeoutMs` 0 does not wait. */
type WithDefaults<Params> = Params extends Patience ? Omit<Params, keyof Patience> & Partial<Patience> : Params;

/** Every operation of p2pchat, as the commands have them. Each throws ChatError. */
export type ChatOperations = {
  readonly [Name in keyof Operations]: (
    ...params: Parameters<Operations[Name]> extends [infer Params] ? [params: WithDefaults<Params>] : []
  ) => ReturnType<Operations[Name]>;
};

export type EventsOptions = {
  /**
   * A name for this reader, of up to 64 letters, digits, dots, dashes and underscores. Its place is kept: an event counts as done once
   * the next one is asked for, and what was not done comes again next time. One reader at a time has a name.
   */
  readonly consumer?: string;
  /** The cursor after which to begin. Without it: at the consumer's place (a new one with the oldest message), or with what is to come. */
  readonly since?: number | "now";
  /** What becomes of own messages too. */
  readonly receipts?: boolean;
  /** Who writes just now too. */
  readonly typing?: boolean;
  /** Ends the reading, without an error. */
  readonly signal?: AbortSignal;
};

/** A profile at work, in this process or in a daemon. */
export interface Chat extends ChatOperations, AsyncDisposable {
  /** What arrives and happens. Ends with `signal` and `close`. @throws ChatError PROFILE_BUSY (reason `consumer`) */
  events(options?: EventsOptions): AsyncGenerator<ChatEvent, void, undefined>;
  /** Who is online: first everybody, then each who comes or goes. */
  presence(options?: Pick<EventsOptions, "signal">): AsyncGenerator<PresenceEvent, void, undefined>;
  /** Ends what is under way with INTERRUPTED, and every reading. Idempotent. */
  close(): Promise<void>;
}

/** Where a chat's answers come from. */
export type ChatSource = {
  readonly operations: Operations;
  consume(options: ConsumeOptions): Promise<Consumer>;
  presence(signal: AbortSignal): AsyncIterable<PresenceEvent>;
  close(): Promise<void> | void;
};

const PATIENT = {
  send: true,
  edit: true,
  remove: true,
  react: true,
  outboxWait: true,
} as const satisfies Record<PatientName, true>;
const PATIENCE: Patience = { wait: "stored", timeoutMs: 10_000 };

/** @param closing  aborts what `source` does; `close` does that first */
export function chatOf(source: ChatSource, closing: AbortController): Chat {
  let closed: Promise<void> | undefined;
  const close = () => {
    closing.abort(new ChatError("INTERRUPTED", "this chat is closed", { reason: "closed" }));
    closed ??= Promise.resolve(source.close());
    return closed;
  };
  const { signal } = closing;
  return {
    ...operationsOf(source.operations, signal),
    events: (options) => readEvents(source, signal, options),
    presence: (options) => readPresence(source, signal, options),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function operationsOf(operations: Operations, closed: AbortSignal): ChatOperations {
  const call = (name: OperationName) => async (params?: object) => {
    closed.throwIfAborted();
    // Whoever answers checks what goes in.
    const operation = operations[name] as (params: object) => Promise<unknown>;
    return await operation.call(operations, { ...(Object.hasOwn(PATIENT, name) && PATIENCE), ...said(params) });
  };
  return Object.fromEntries(OPERATION_NAMES.map((name) => [name, call(name)])) as unknown as ChatOperations;
}

/** What is undefined is as good as left out. */
function said<Params extends object>(params: Params | undefined): Params {
  return Object.fromEntries(Object.entries(params ?? {}).filter(([, value]) => value !== undefined)) as Params;
}

async function* readEvents(
  source: ChatSource,
  closed: AbortSignal,
  { signal, ...options }: EventsOptions = {},
): AsyncGenerator<ChatEvent, void, undefined> {
  closed.throwIfAborted();
  const reading = await source.consume(said(options));
  try {
    for await (const event of reading.events(either(closed, signal))) {
      yield event;
      if ("cursor" in event && !closed.aborted) await reading.acknowledge(event.cursor);
    }
  } finally {
    reading.close();
  }
}

async function* readPresence(
  source: ChatSource,
  closed: AbortSignal,
  { signal }: Pick<EventsOptions, "signal"> = {},
): AsyncGenerator<PresenceEvent, void, undefined> {
  closed.throwIfAborted();
  yield* source.presence(either(closed, signal));
}

function either(closed: AbortSignal, signal: AbortSignal | undefined): AbortSignal {
  return signal === undefined ? closed : AbortSignal.any([closed, signal]);
}
