import type { Server } from "node:http";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Connections } from "./connections.ts";
import type { Metrics } from "./metrics.ts";

const LOOP_RESOLUTION_MS = 20;
const NS_PER_SECOND = 1e9;

/** Adds what the process and its connections say of themselves; ends with what it answers. */
export function watchProcess(metrics: Metrics, server: Server, connections: Connections): () => void {
  const delay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  delay.enable();
  metrics.gauge("connections", "Open connections.", () => connections.size);
  metrics.gauge("connections_displaced_total", "Connections cut to make room for others.", () => connections.displaced);
  metrics.gauge("event_loop_delay_seconds", "99th percentile since the last look.", () => {
    const seconds = delay.percentile(99) / NS_PER_SECOND;
    delay.reset();
    return seconds;
  });
  metrics.gauge("process_resident_memory_bytes", "Resident memory.", () => process.memoryUsage.rss());
  metrics.gauge("process_heap_bytes", "JavaScript objects.", () => process.memoryUsage().heapUsed);
  metrics.gauge("process_cpu_seconds_total", "Time on the processor.", () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  metrics.gauge("process_uptime_seconds", "Time since the start.", () => process.uptime());
  server.on("clientError", (error) => metrics.broken.add(reasonOf(error)));
  return () => delay.disable();
}

/** What Node's parser and its deadlines refuse never reaches a route. */
function reasonOf(error: Error): string {
  const code = "code" in error ? String(error.code) : "";
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return "slow";
  if (code === "HPE_HEADER_OVERFLOW") return "headers";
  return code.startsWith("HPE_") ? "malformed" : "network";
}
