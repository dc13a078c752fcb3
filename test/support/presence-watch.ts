import { onTestFinished } from "vitest";

/** One server-sent event as it came; `data` is its JSON. */
export type SeenEvent = { readonly event: string; readonly id: string | undefined; readonly data: unknown };

export type Watching = {
  readonly status: number;
  readonly headers: Headers;
  /** Everything that came, `retry` and comments included. */
  readonly text: () => string;
  /** The next event. Throws once the stream has ended. */
  next(): Promise<SeenEvent>;
  /** The next event of that kind; others are passed over. */
  nextOf(event: string): Promise<SeenEvent>;
  /** Every event until the stream ends. */
  rest(): Promise<SeenEvent[]>;
  close(): void;
};

type Where = { readonly url: string };

/** Watches who is online, as a client in the browser would; it ends with the test at the latest. */
export async function startWatching(server: Where, token: string, lastEventId?: string): Promise<Watching> {
  const controller = new AbortController();
  const signal = AbortSignal.any([controller.signal, AbortSignal.timeout(60_000)]);
  onTestFinished(() => controller.abort());
  const headers = {
    authorization: `Bearer ${token}`,
    ...(lastEventId !== undefined && { "last-event-id": lastEventId }),
  };
  const response = await fetch(`${server.url}/v1/presence/events`, { headers, signal });
  let text = "";
  const events = readEvents(response, (part) => {
    text += part;
  });
  async function next(): Promise<SeenEvent> {
    const { done, value } = await events.next();
    if (done) throw new Error(`the stream has ended: ${text}`);
    return value;
  }
  return {
    status: response.status,
    headers: response.headers,
    text: () => text,
    next,
    async nextOf(wanted) {
      for (;;) {
        const seen = await next();
        if (seen.event === wanted) return seen;
      }
    },
    rest: () => Array.fromAsync({ [Symbol.asyncIterator]: () => events }),
    close: () => controller.abort(),
  };
}

async function* readEvents({ body }: Response, came: (part: string) => void): AsyncGenerator<SeenEvent, undefined> {
  let rest = "";
  for await (const part of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    came(part);
    const blocks = (rest + part).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = new Map(block.split("\n").map((line) => line.split(/: (.*)/s, 2) as [string, string]));
      const [event, data] = [fields.get("event"), fields.get("data")];
      if (event !== undefined && data !== undefined) yield { event, id: fields.get("id"), data: JSON.parse(data) };
    }
  }
  return undefined;
}
