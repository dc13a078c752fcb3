import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import type { CliContext } from "../../../../peer/cli/context.ts";
import { createOutput } from "../../../../peer/cli/output.ts";
import { Console } from "../../../../peer/cli/sandbox/console.ts";
import { ChatError } from "../../../../shared/errors.ts";

test("an order that is none is quoted so that it acts on no terminal", async () => {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const terminal = { stdin, stdout, stderr, env: {} } as unknown as CliContext["terminal"];
  const output = createOutput(terminal, { json: false, quiet: false });
  using console = new Console({ output, terminal }, () => []);
  await console.complain(new ChatError("USAGE", "there is no order \u001b[2J\u009b31m\r\nfake"));
  const shown = "p2pchat: there is no order <U+001B>[2J<U+009B>31m<U+000D><U+000A>fake\n";
  expect(stderr.read()?.toString()).toBe(shown);
});
