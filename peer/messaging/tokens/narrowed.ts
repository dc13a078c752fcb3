import type { ChatEvent, Feed } from "../operations/feed.ts";
import type { Operations } from "../operations.ts";
import type { TokenGuard } from "./token-guard.ts";

/** Every operation is forbidden but those that are listed here: a new one stays closed until somebody opens it. */
export function narrowOperations(operations: Operations, guard: TokenGuard): Operations {
  const forbidden = Object.fromEntries(
    Object.keys(operations).map((method) => [method, async () => guard.forbid(method)]),
  ) as unknown as Operations;
  return {
    ...forbidden,
    send: (params) =>
      guard.request({ method: "send", right: "send", person: params.to }, (to) =>
        // Names of messages are each holder's own: nobody can ask for the owner's by trying.
        operations.send({ ...params, to, ...(params.id !== undefined && { id: `token/${guard.id}/${params.id}` }) }),
      ),
    history: (params) =>
      guard.request({ method: "history", right: "read", person: params.with }, (person) =>
        operations.history({ ...params, with: person }),
      ),
    status: () => guard.request({ method: "status", right: "status" }, () => operations.status()),
    whoami: () => guard.request({ method: "whoami", right: "status" }, () => operations.whoami()),
  };
}

/** The events of those whose messages may be read. A token has one durable place, whatever the holder calls it. */
export function narrowFeed(feed: Feed, guard: TokenGuard): Feed {
  return {
    events(options) {
      guard.begin("subscribe", "read");
      return allowed(feed.events({ ...options, narrowed: true }), guard);
    },
    async consume(options) {
      guard.begin("consume", "read");
      const consumer = await feed.consume({ ...options, narrowed: true, consumer: `token/${guard.id}` });
      return {
        events: (signal) => allowed(consumer.events(signal), guard),
        acknowledge: (cursor) => consumer.acknowledge(cursor),
        close: () => consumer.close(),
      };
    },
    shown: () => guard.forbid("shown"),
  };
}

async function* allowed(events: AsyncIterable<ChatEvent>, guard: TokenGuard): AsyncIterable<ChatEvent> {
  for await (const event of events) {
    const person = personOf(event);
    if (person === undefined || !guard.may("read", person)) continue;
    guard.assertGood();
    yield event;
  }
}

/** Whom an event is about; undefined for what is the owner's alone. */
function personOf(event: ChatEvent): string | undefined {
  if ("from" in event) return event.from;
  if ("username" in event) return event.username;
  return event.type === "receipt" ? event.to : undefined;
}
