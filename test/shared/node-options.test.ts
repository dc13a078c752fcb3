import { expect, test } from "vitest";
import { revealsMemory } from "../../shared/node-options.ts";

test.each([
  "--inspect",
  "--max-old-space-size=200 --inspect-brk=0",
  "--heapsnapshot-signal=SIGUSR2",
  '"--heap-prof"',
  "--cpu-prof",
  "--report-on-signal",
  "--diagnostic-dir=/tmp",
])("%s reveals memory", (options) => expect(revealsMemory(options)).toBe(true));

test.each(["", "--max-old-space-size=200", "--import=./inspect.js", "--enable-source-maps"])(
  "%s reveals nothing",
  (options) => expect(revealsMemory(options)).toBe(false),
);
