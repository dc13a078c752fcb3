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
    this.#configure("add table inet faults; add chain inet faults wire { type filter hook input priority 0; }");
  }

  /** From now on packets to or from these ports vanish without a word, on connections that are there as well. */
  lose({ to = [], from = [] }: Lost): void {
    const ends = [...to.map((port) => `dport ${port}`), ...from.map((port) => `sport ${port}`)];
    this.#configure(ends.map((end) => `add rule inet faults wire tcp ${end} drop`).join("; "));
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
