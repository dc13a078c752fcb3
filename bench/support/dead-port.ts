/*
 * Loaded before a program by `--import`: what it dials at one of these ports of any host is never answered, as where a
 * firewall drops what comes in.
 */
import net, { Socket } from "node:net";

const dead = new Set((process.env["BENCH_DEAD_PORTS"] ?? "").split(",").map(Number));
const connect = net.connect;

net.connect = ((...args: Parameters<typeof connect>) => {
  const [first] = args as readonly unknown[];
  const isDead = typeof first === "object" && first !== null && "port" in first && dead.has(Number(first.port));
  return isDead ? new Socket() : connect(...args);
}) as typeof connect;
