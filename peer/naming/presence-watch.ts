import { type PresenceEvent, presenceEventSchemas } from "../../shared/api.ts";
import { utf8 } from "../../shared/bytes.ts";
import { ChatError, isChatError } from "../../shared/errors.ts";
import { pause } from "../../shared/pause.ts";
import { parseStrictJson } from "../../shared/strict-json.ts";
import type { NamingServer, PresenceUpdate } from "../messaging/ports/naming-server.ts";
import type { Runtime } from "../messaging/runtime.ts";
import { EventReader, type ServerEvent } from "./event-stream.ts";
import type { Request } from "./http.ts";

export type Timers = Pick<Runtime, "after" | "monotonic" | "random">;

/** Opens an answer of 200 that lasts. */
export type OpenStream = (request: Request, signal: AbortSignal) => Promise<AsyncIterable<Uint8Array>>;

/** A list of 40 000 people online. */
const EVENT_MAX_BYTES = 4 * 1024 * 1024;
/** The server says something every ten seconds. */
const SILENCE_MS = 30_000;
/** A stream that lasted so long was none of a series of failures. */
const STEADY_MS = 30_000;
const PAUSE_MS = { first: 3000, least: 1000, most: 60_000 } as const;

/** Who is online, from streams that follow each other for as long as somebody watches. */
export function createPresenceWatch(open: OpenStream, timers: Timers): Pick<NamingServer, "watchPresence"> {
  return {
    async *watchPresence(signal) {
      const place: Place = { lastEventId: undefined, retryMs: PAUSE_MS.first };
      for (let failures = 0; !signal.aborted; failures += 1) {
        const startedMs = timers.monotonic();
        let leastMs = 0;
        try {
          yield* followStream(open, timers, place, signal);
        } catch (error) {
          if (signal.aborted) return;
          if (!isChatError(error) || !isPassing(error)) throw error;
          if (isChatError(error, "SERVER_ERROR")) place.lastEventId = undefined;
          leastMs = Number(error.details?.["retryAfterSeconds"] ?? 0) * 1000;
          yield { type: "lost", error };
        }
        if (timers.monotonic() - startedMs >= STEADY_MS) failures = 0;
        const longestMs = Math.min(PAUSE_MS.most, place.retryMs * 2 ** Math.min(failures, 8));
        await pause(timers, Math.min(PAUSE_MS.most, leastMs) + timers.random() * longestMs, signal);
      }
    },
  };
}

/** Where a stream left off. */
type Place = { lastEventId: string | undefined; retryMs: number };

/** What may be otherwise the next time. */
function isPassing(error: ChatError): boolean {
  return isChatError(error, "SERVER_UNREACHABLE", "SERVER_ERROR", "SERVER_BUSY", "RATE_LIMITED", "TIMED_OUT");
}

async function* followStream(
  open: OpenStream,
  timers: Timers,
  place: Place,
  signal: AbortSignal,
): AsyncGenerator<PresenceUpdate, void> {
  const { lastEventId } = place;
  const headers = { accept: "text/event-stream", ...(lastEventId && { "last-event-id": lastEventId }) };
  using stream = cuttable(signal);
  const request = { method: "GET", path: "/v1/presence/events", headers } as const;
  const chunks = (await open(request, stream.signal))[Symbol.asyncIterator]();
  const reader = new EventReader(EVENT_MAX_BYTES);
  for (;;) {
    const cancel = timers.after(SILENCE_MS, () => stream.cut());
    const { done, value } = await chunks.next().finally(cancel);
    if (done) return;
    for (const event of reader.read(value)) {
      const update = readUpdate(event);
      place.lastEventId = event.id;
      if (update !== undefined) yield update;
    }
    place.retryMs = Math.max(PAUSE_MS.least, Math.min(reader.retryMs ?? PAUSE_MS.first, PAUSE_MS.most));
  }
}

/** A signal of its own, aborted with the outer one and, at the latest, at the end of the block. */
function cuttable(outer: AbortSignal) {
  const own = new AbortController();
  const silent = () => new ChatError("SERVER_UNREACHABLE", "the naming server has gone silent", { reason: "timeout" });
  return {
    signal: AbortSignal.any([outer, own.signal]),
    cut: () => own.abort(silent()),
    [Symbol.dispose]: () => own.abort(new ChatError("INTERRUPTED", "nobody reads on")),
  };
}

/** Undefined for what this version does not know. @throws ChatError SERVER_ERROR with reason `body` */
function readUpdate({ event, data }: ServerEvent): PresenceUpdate | undefined {
  if (event === "list") {
    const { online } = parseEvent("list", data);
    return { type: "list", online: online.map(({ name, devices }) => ({ username: name, devices })) };
  }
  if (event === "changes") {
    const { changes } = parseEvent("changes", data);
    return { type: "changes", changes: changes.map(({ name, ...rest }) => ({ username: name, ...rest })) };
  }
  return undefined;
}

function parseEvent<Name extends keyof typeof presenceEventSchemas>(name: Name, data: string): PresenceEvent<Name> {
  try {
    // The table pairs each event with the schema of its own data.
    return presenceEventSchemas[name].parse(parseStrictJson(utf8(data))) as PresenceEvent<Name>;
  } catch (cause) {
    throw new ChatError("SERVER_ERROR", "the naming server's events make no sense", { reason: "body", cause });
  }
}
