import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A fresh directory of mode 0700 that goes with the test. */
export function temporaryDirectory(): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "p2pchat-test-")));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
