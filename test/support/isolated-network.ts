import { spawnSync } from "node:child_process";
import { OWN_NETWORK } from "./capabilities.ts";
import { nextLine, startCommand } from "./child-process.ts";

/** TCP ports, every one at loopback. */
export type Lost = { readonly to?: readonly number[]; readonly from?: readonly number[] };

/** A loopback interface of its own, for several processes, whose packets can be lost; gone with the test. */
export class IsolatedNetwork {
  /** Starts a command that sees this network and no other. */
  readonly wrapper: readonly string[];

  constructor(pid: number) {
    this.wrapper = ["nsenter", `--target=${pid}`, "--user", "--net", "--preserve-credentials"];
    const chains = ["wall", "wire"].map(
      (name) => `add chain inet faults ${name} { type filter hook input priority 0; }`,
    );
    this.#configure(["add table inet faults", ...chains].join("; "));
  }

  /** From now on packets to or from these ports vanish without a word, on connections that are there as well. */
  lose({ to = [], from = [] }: Lost): void {
    const ends = [...to.map((port) => `dport ${port}`), ...from.map((port) => `sport ${port}`)];
    this.#configure(ends.map((end) => `add rule inet faults wire tcp ${end} drop`).join("; "));
  }

  /** For good: packets arrive only where one of their ends is one of these ports. */
  allowOnly(ports: readonly number[]): void {
    const allowed = `{ ${ports.join(", ")} }`;
    const rule = `add rule inet faults wall tcp dport != ${allowed} tcp sport != ${allowed} drop`;
    this.#configure(`flush chain inet faults wall; ${rule}`);
  }

  mend(): void {
    this.#configure("flush chain inet faults wire");
  }

  #configure(commands: string): void {
    const [command = "", ...args] = [...this.wrapper, "nft", commands];
    const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8", timeout: 10_000 });
    if (status !== 0) throw new Error(`nft ${commands}: ${error?.message ?? stderr}`);
  }
}

export async function startIsolatedNetwork(): Promise<IsolatedNetwork> {
  const holder = startCommand(["unshare", ...OWN_NETWORK, "sh", "-c", "ip link set lo up && echo up && exec cat"]);
  await nextLine(holder);
  if (holder.pid === undefined) throw new Error("the network's holder has no process id");
  return new IsolatedNetwork(holder.pid);
}
