import type { ChatEvent } from "../../messaging/operations/feed.ts";
import { toAnsi } from "../chat/ansi.ts";
import { span } from "../chat/line.ts";
import { colourOf } from "../chat/message-lines.ts";
import type { Terminal } from "../context.ts";
import { describeEvent } from "../describe-event.ts";
import type { Result } from "../output.ts";
import { visibleReason } from "../visible-text.ts";
import type { Ended, EventLine, RunningSandbox } from "./running-sandbox.ts";

const SAID = new Set(["message", "edit", "delete", "reaction", "receipt", "presence", "key-change", "gap", "error"]);

export function describeStart(sandbox: RunningSandbox): Result {
  const { directory, server, peers, relays } = sandbox;
  const [one = "alice", other = "bob"] = peers.map(({ name }) => name);
  const fields = {
    directory,
    server: server.url,
    peers: peers.map(({ name, address }) => ({ name, address })),
    relays: relays.map(({ name }) => name),
  };
  const text = [
    `naming server ${server.url}, ${peers.map(({ name }) => name).join(", ")}${relays.length > 0 ? ", " : ""}${fields.relays.join(", ")}`,
    "In another terminal:",
    `  export P2PCHAT_HOME=${shellWord(directory)}`,
    `  p2pchat --profile ${one} send ${other} "hi"`,
    `Here: cut ${one} ${other}, heal, kill ${other}, start ${other}; help lists all. Ctrl-C ends it.`,
  ].join("\n");
  return { type: "sandbox", fields, text };
}

/** What a peer printed, behind its name in its colour. */
export function eventResult(peer: string, event: EventLine, { stdout, env }: Pick<Terminal, "stdout" | "env">): Result {
  const isStyled = stdout.isTTY === true && env["TERM"] !== "dumb";
  const name = isStyled ? toAnsi([span(peer, colourOf(peer))], !env["NO_COLOR"]) : peer;
  const text = describe(event)
    .split("\n")
    .map((line) => `${name} | ${line}`)
    .join("\n");
  return { type: "sandbox-event", fields: { peer, event }, text };
}

/** A process has ended by itself. */
export function describeEnd(name: string, { code, signal, stderr }: Ended): Result {
  const how = signal ?? `exit code ${code}`;
  const last = visibleReason(stderr.trim().split("\n").at(-1) ?? "");
  const text = `* ${name} has ended by itself (${how})${last === "" ? "" : `: ${last}`}`;
  return { type: "sandbox-ended", fields: { name, exitCode: code, signal }, text };
}

function describe(event: EventLine): string {
  // Only what `listen --json` prints comes here, and its types are those of the feed.
  if (SAID.has(event.type)) return describeEvent(event as unknown as ChatEvent, (text) => text);
  return `* ${visibleReason(event.type)}`;
}

function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
