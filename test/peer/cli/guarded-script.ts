import inspector from "node:inspector";
import { guardProcess } from "../../../peer/cli/process-guard.ts";

guardProcess("p2pchat");
process.stdin.on("data", () => {
  console.log(JSON.stringify({ debugger: inspector.url() ?? null, options: process.env["NODE_OPTIONS"] ?? null }));
});
console.log("guarded");
