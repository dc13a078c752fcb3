/*
 * A process of its own that holds many streams of presence open and counts what comes, without an HTTP client: it is not
 * what is measured.
 */
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export type WatcherOrder =
  | {
      readonly do: "open";
      readonly port: number;
      readonly path: string;
      readonly tokens: readonly string[];
      readonly each: number;
    }
  | { readonly do: "count" };

/** How many streams are open, and the fewest and most changes and lists that one of them got since the last answer. */
export type WatcherCounts = {
  readonly open: number;
  readonly changes: { readonly fewest: number; readonly most: number };
  readonly lists: { readonly fewest: number; readonly most: number };
};

type Stream = { readonly socket: Socket; changes: number; lists: number; rest: string };

const AT_ONCE = 100;
const REST_LENGTH = 32;
const streams: Stream[] = [];

process.on("message", (order: WatcherOrder) => {
  carryOut(order).then(
    (result) => process.send?.({ result }),
    (error: Error) => process.send?.({ error: error.message }),
  );
});

async function carryOut(order: WatcherOrder): Promise<WatcherCounts> {
  if (order.do === "open") {
    const wanted = order.tokens.flatMap((token) => Array.from({ length: order.each }, () => token));
    for (let start = 0; start < wanted.length; start += AT_ONCE) {
      await Promise.all(wanted.slice(start, start + AT_ONCE).map((token) => open(order.port, order.path, token)));
      await sleep(1);
    }
  }
  return count();
}

/** Resolves with the first list. */
function open(port: number, path: string, token: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    const stream: Stream = { socket, changes: 0, lists: 0, rest: "" };
    socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\n\r\n`);
    socket.on("error", reject);
    socket.on("data", (chunk: Buffer) => {
      const text = stream.rest + chunk.toString("latin1");
      stream.changes += occurrences(text, '"online":true}') + occurrences(text, '"online":false}');
      stream.lists += occurrences(text, "event: list\n");
      // Too short for a whole mark, so that none is counted twice.
      stream.rest = text.slice(-Math.min(REST_LENGTH, '"online":true}'.length - 1, "event: list\n".length - 1));
      if (stream.lists > 0) resolve();
    });
    streams.push(stream);
  });
}

function occurrences(text: string, mark: string): number {
  let found = 0;
  for (let at = text.indexOf(mark); at !== -1; at = text.indexOf(mark, at + mark.length)) found += 1;
  return found;
}

function count(): WatcherCounts {
  const counts = {
    open: streams.filter(({ socket }) => !socket.destroyed).length,
    changes: rangeOf(streams.map(({ changes }) => changes)),
    lists: rangeOf(streams.map(({ lists }) => lists)),
  };
  for (const stream of streams) Object.assign(stream, { changes: 0, lists: 0 });
  return counts;
}

function rangeOf(numbers: readonly number[]) {
  return { fewest: Math.min(...numbers), most: Math.max(...numbers) };
}
