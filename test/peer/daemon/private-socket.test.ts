import { lstatSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { listenAt, stopServer } from "../../../peer/daemon/private-socket.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

test("a socket is open to nobody else before it has its mode, whatever the umask", async () => {
  const before = process.umask(0);
  onTestFinished(() => void process.umask(before));
  const path = join(temporaryDirectory(), "control.sock");
  const modeOf = () => lstatSync(path).mode & 0o777;
  const server = createServer();
  let first: number | undefined;
  server.once("listening", () => {
    first = modeOf();
  });
  await listenAt(server, path, 0o660);
  onTestFinished(() => stopServer(server, []));
  expect([first, modeOf(), process.umask()]).toEqual([0o700, 0o660, 0]);
});
