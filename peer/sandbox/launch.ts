import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import type { Gate } from "./gate.ts";
import type { Line, Program } from "./program.ts";

const HOST = "127.0.0.1";
const ATTEMPTS = 5;

/** The arguments that have something listen behind a gate, and nowhere else. */
export function behind(gate: Gate, port: number): readonly string[] {
  return ["--host", HOST, "--port", String(port), "--announce", `/ip4/${HOST}/tcp/${gate.port}`];
}

export type Launch = {
  /** Of the line that says that it serves. */
  readonly type: string;
  readonly start: (port: number) => Program;
  /** How long that may take. */
  readonly timeoutMs?: number;
};

/** Starts what listens behind a gate, on a port that was free a moment ago: tries again where somebody was faster. */
export async function launchBehind(gate: Gate, { type, start, timeoutMs }: Launch): Promise<Program> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const program = start(port);
    lead(gate, port, program);
    const first = program.next((one) => one.type === type || one.type === "error", timeoutMs);
    const line = await orEnd(program, first);
    if (line.type === type) return program;
    await program.outcome(timeoutMs);
    if (!isPortTaken(line) || attempt === ATTEMPTS) throw program.complaint("did not start");
  }
}

/** What does not come to serve is ended: nobody else knows it. */
export async function orEnd<T>(program: Program, serving: Promise<T>): Promise<T> {
  try {
    return await serving;
  } catch (error) {
    await program.kill9().catch(() => undefined);
    throw error;
  }
}

/** Whoever is at the gate is let through to that port, as long as the program runs. */
export function lead(gate: Gate, port: number, program: Program): void {
  gate.target = port;
  const close = () => {
    if (gate.target === port) gate.target = undefined;
  };
  program.exited.then(close, close);
}

function isPortTaken({ code, ...line }: Line): boolean {
  return code === "CONFIG_INVALID" && line["reason"] === "listen";
}

/** One of loopback that nobody has at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
