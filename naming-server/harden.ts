import { close, url } from "node:inspector";

/**
 * Keeps the process to its owner: what it creates is private, and no debugger opens, neither by SIGUSR1 nor by an
 * inherited NODE_OPTIONS. Imported first, for its effect.
 */
process.umask(0o077);
process.on("SIGUSR1", () => undefined);
if (url() !== undefined) close();
