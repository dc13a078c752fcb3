/* A process of its own: the least that Express can do, as the reference for look-ups. */
import type { AddressInfo } from "node:net";
import express from "express";

const app = express();
app.get("/hello", (_req, res) => {
  res.json({ hello: "world" });
});
const server = app.listen(0, "127.0.0.1", () => {
  process.stdout.write(`hello server listening on http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.on("SIGTERM", () => process.exit());
