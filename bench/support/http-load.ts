/*
 * A process of its own that asks a server as fast as it answers, over keep-alive connections with one request under way
 * on each. It writes and reads the bytes itself, so that the servers and not the client set the pace.
 */
import { connect, type Socket } from "node:net";
import { percentile } from "./statistics.ts";

export type LoadOrder = {
  readonly port: number;
  readonly connections: number;
  readonly requests: number;
  /** Whole requests, sent in turn. */
  readonly texts: readonly string[];
  /** So many and no more, begun at their time whatever became of those before; without it, as fast as they are answered. */
  readonly perSecond?: number;
  /** Of the status line, such as `HTTP/1.1 200`. */
  readonly expect: string;
};

export type LoadResult = { readonly wallMs: number; readonly p50Ms: number; readonly p99Ms: number };

const HEAD_END = "\r\n\r\n";
const CONTENT_LENGTH = /\r\ncontent-length: (\d+)\r\n/i;

if (process.send !== undefined) {
  process.on("message", (order: LoadOrder) => {
    run(order).then(
      (result) => process.send?.({ result }),
      (error: Error) => process.send?.({ error: error.message }),
    );
  });
}

async function run(order: LoadOrder): Promise<LoadResult> {
  const sockets = await Promise.all(Array.from({ length: order.connections }, () => open(order.port)));
  const queue = order.texts.map((text) => Buffer.from(text, "latin1"));
  const startedMs = performance.now();
  const state = { sent: 0, startedMs, timesMs: [] as number[] };
  // What comes at its own pace is measured by its time, and as it is: most servers' clients sleep.
  const sleepAgain = order.perSecond === undefined ? stayAwake() : () => {};
  await Promise.all(sockets.map((socket) => askInTurn(socket, queue, order, state)));
  sleepAgain();
  const wallMs = performance.now() - startedMs;
  for (const socket of sockets) socket.destroy();
  return { wallMs, p50Ms: percentile(state.timesMs, 0.5), p99Ms: percentile(state.timesMs, 0.99) };
}

/**
 * To wake a process that sleeps costs whoever writes to it, here the server that is measured, up to half of a look-up: a
 * slow server would be charged for that at each answer, and one that is faster than this client never.
 */
function stayAwake(): () => void {
  let isAwake = true;
  const spin = () => {
    if (isAwake) setImmediate(spin);
  };
  spin();
  return () => {
    isAwake = false;
  };
}

function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  return new Promise((resolve, reject) => socket.once("connect", () => resolve(socket)).once("error", reject));
}

function askInTurn(
  socket: Socket,
  texts: readonly Buffer[],
  { requests, expect, perSecond = Number.POSITIVE_INFINITY }: LoadOrder,
  state: { sent: number; startedMs: number; timesMs: number[] },
): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = "";
    let askedMs = 0;
    const ask = () => {
      const text = texts[state.sent % texts.length];
      if (state.sent >= requests || text === undefined) return resolve();
      const dueMs = state.startedMs + (state.sent * 1000) / perSecond;
      state.sent += 1;
      received = "";
      // Whoever is asked late because the one before was slow has waited since it was due.
      askedMs = Number.isFinite(perSecond) ? dueMs : performance.now();
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) setTimeout(() => socket.write(text), waitMs);
      else socket.write(text);
    };
    socket.on("data", (chunk: Buffer) => {
      received += chunk.toString("latin1");
      if (!isWhole(received)) return;
      state.timesMs.push(performance.now() - askedMs);
      if (received.startsWith(expect)) ask();
      else reject(new Error(`not ${expect}: ${received.slice(0, 400)}`));
    });
    socket.once("close", () => reject(new Error("the server closed the connection")));
    ask();
  });
}

function isWhole(answer: string): boolean {
  const headEnd = answer.indexOf(HEAD_END);
  if (headEnd === -1) return false;
  const [, bodyBytes = "0"] = CONTENT_LENGTH.exec(answer.slice(0, headEnd + 2)) ?? [];
  return answer.length === headEnd + HEAD_END.length + Number(bodyBytes);
}
