import { describe, expect, test } from "vitest";
import { terminalWithDaemon } from "../../../support/fake-daemon.ts";

describe("listen beside a daemon", () => {
  test.each([["--presence"], ["--port", "4001"], ["--api-socket", "/tmp/x/api.sock"]])(
    "takes no %s: only the daemon could do that",
    async (...options) => {
      const { run } = await terminalWithDaemon();
      const { code, lines } = await run(["listen", "--consumer", "bot", ...options, "--json"]);
      expect({ code, lines }).toMatchObject({
        code: 1,
        lines: [{ type: "error", code: "PROFILE_BUSY", details: { pid: process.pid } }],
      });
    },
  );
});
