import { setTimeout as sleep } from "node:timers/promises";
import { ChatError, isErrorCode } from "../../../shared/errors.ts";
import type { Result } from "../output.ts";
import { visibleReason } from "../visible-text.ts";
import { ORDERS_HELP, type Order } from "./orders.ts";
import type { EventLine, LinkFaults, RunningSandbox } from "./running-sandbox.ts";

/** A message that is not there by then arrives later, or is shown in the outbox. */
const SEND_TIMEOUT = "2s";

/** Does what was ordered; what is to be said about it, if anything. @throws ChatError where it cannot be done */
export async function carryOut(
  order: Exclude<Order, { verb: "quit" }>,
  sandbox: RunningSandbox,
  signal: AbortSignal,
): Promise<Result | undefined> {
  switch (order.verb) {
    case "help":
      return { type: "sandbox-help", fields: { text: ORDERS_HELP }, text: ORDERS_HELP };
    case "status":
      return statusOf(sandbox);
    case "send":
      return await send(order, sandbox);
    case "wait":
      await sleep(order.ms, undefined, { signal }).catch(() => undefined);
      return undefined;
    case "cut":
    case "drop":
      return void sandbox[order.verb](order.a, order.b);
    case "heal":
      return void sandbox.heal(order.a, order.b);
    case "delay":
      return void sandbox.delay(order.a, order.b, order.delayMs);
    case "throttle":
      return void sandbox.throttle(order.a, order.b, order.bytesPerSecond);
    default:
      await sandbox.station(order.name)[order.verb]();
      return undefined;
  }
}

async function send(order: Extract<Order, { verb: "send" }>, sandbox: RunningSandbox): Promise<Result> {
  const { from, to, text } = order;
  const { line } = await sandbox.peer(from).send(to, text, "--timeout", SEND_TIMEOUT);
  if (line.type === "error") throw errorOf(line);
  return { type: "sandbox-sent", fields: { from, result: line }, text: `${from}: ${describeSent(line, to)}` };
}

function describeSent({ state }: EventLine, to: string): string {
  if (state === "stored") return `delivered to ${to}`;
  return `${state === "relayed" ? "in a mailbox of" : "not delivered yet to"} ${to}; it goes on trying`;
}

function errorOf({ code, message }: EventLine): ChatError {
  const known = typeof code === "string" && isErrorCode(code) ? code : "INTERNAL";
  return new ChatError(known, visibleReason(String(message)));
}

function statusOf({ stations, faults }: RunningSandbox): Result {
  const fields = {
    stations: stations.map(({ name, state, pid = null }) => ({ name, state, pid })),
    faults: faults.map(({ between, faults: { bytesPerSecond, ...others } }) => ({
      ...{ between, ...others },
      bytesPerSecond: Number.isFinite(bytesPerSecond) ? bytesPerSecond : null,
    })),
  };
  const states = stations.map(({ name, state, pid }) => {
    return `${name} ${state === "running" ? "runs" : `is ${state}`}${pid === undefined ? "" : ` (process ${pid})`}`;
  });
  return { type: "sandbox-status", fields, text: [...states, ...faults.map(describeFaults)].join("\n") };
}

function describeFaults({ between: [a, b], faults }: LinkFaults): string {
  const { cut, dropped, delayMs, bytesPerSecond } = faults;
  const wrong = [
    cut && "cut",
    dropped && "drops everything",
    delayMs > 0 && `${delayMs} ms later`,
    Number.isFinite(bytesPerSecond) && `${bytesPerSecond} bytes a second`,
  ];
  return `${a} - ${b}: ${wrong.filter(Boolean).join(", ")}`;
}
