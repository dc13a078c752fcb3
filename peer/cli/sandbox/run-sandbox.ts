import { isChatError } from "../../../shared/errors.ts";
import type { CliContext } from "../context.ts";
import { EXIT, EXIT_CODES, type ExitCode } from "../exit-codes.ts";
import type { Result } from "../output.ts";
import { carryOut } from "./carry-out.ts";
import { Console } from "./console.ts";
import { completionsOf, parseOrder } from "./orders.ts";
import type { RunningSandbox, SandboxOptions } from "./running-sandbox.ts";
import { describeEnd, describeStart, eventResult } from "./show.ts";

type Chosen = Pick<SandboxOptions, "peers" | "relays" | "directory">;

/** Until it is interrupted, or the orders end. */
export async function runSandbox(chosen: Chosen, context: CliContext): Promise<ExitCode> {
  const { output, interruption, dependencies, terminal } = context;
  const { signal } = interruption;
  let show = (result: Result) => output.print(result);
  const { sandbox: start } = await dependencies.loadSandbox();
  try {
    await using sandbox = await start({
      ...{ ...chosen, signal },
      onEvent: (peer, event) => void show(eventResult(peer, event, terminal)),
      onDeath: (name, end) => void show(describeEnd(name, end)),
    });
    await show(describeStart(sandbox));
    const names = sandbox.stations.map(({ name }) => name);
    using console = new Console(context, (line) => completionsOf(line, names));
    show = (result) => console.print(result);
    const exit = await obey(console, sandbox, signal);
    if (!signal.aborted) return exit;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return interruption.by === "SIGINT" ? EXIT.interrupted : EXIT.ok;
}

/** Carries out one order after the other; what the first one that failed came to. */
async function obey(console: Console, sandbox: RunningSandbox, signal: AbortSignal): Promise<ExitCode> {
  let exit: ExitCode = EXIT.ok;
  for await (const line of console.orders(signal)) {
    try {
      const order = parseOrder(line);
      if (order === undefined) continue;
      if (order.verb === "quit") return exit;
      const said = await carryOut(order, sandbox, signal);
      if (said !== undefined) await console.print(said);
    } catch (error) {
      if (!isChatError(error)) throw error;
      if (exit === EXIT.ok) exit = EXIT_CODES[error.code];
      await console.complain(error);
    }
  }
  return exit;
}
