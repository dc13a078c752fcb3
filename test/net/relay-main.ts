import { systemRuntime } from "../../peer/messaging/runtime.ts";
import { serveObserved } from "../../peer/network/punching/observed.ts";
import { PUNCH_PROTOCOLS } from "../../shared/protocol.ts";
import { startRelay } from "../support/relay.ts";

/* A relay by itself: `relay-main.ts <host> <port>`. Prints its address; ends with its process. */

const [host = "", port = ""] = process.argv.slice(2);
const relay = await startRelay("relay", { host, port: Number(port) });
await relay.node.handle(PUNCH_PROTOCOLS.observed, serveObserved(systemRuntime));
console.log(JSON.stringify({ address: relay.address }));
