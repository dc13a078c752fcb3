import { subscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";

/*
 * Loaded into every process of a sandbox, before the program. It tells the sandbox from which port the process dials, so that
 * a gate knows who is at it; and a sandbox that is gone takes the process with it.
 */

const LAST_WORDS_MS = 5000;

subscribe("net.client.socket", (message) => {
  const { socket } = message as { readonly socket: Socket };
  socket.once("connect", () => {
    const { localPort, remotePort } = socket;
    if (process.connected) process.send?.({ localPort, remotePort }, undefined, undefined, () => undefined);
  });
});

process.once("disconnect", () => {
  setTimeout(() => process.kill(process.pid, "SIGKILL"), LAST_WORDS_MS).unref();
  process.kill(process.pid, "SIGTERM");
});
// The channel alone keeps no process that is done.
process.channel?.unref();
