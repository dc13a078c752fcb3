import { ChatError } from "../../../shared/errors.ts";
import type { Args, Command } from "../command.ts";

const NUMBER = /^\d{1,3}$/;

export const sandbox: Command = {
  usage: "sandbox",
  summary: "try p2pchat on this machine alone: a naming server, peers, and faults between them",
  options: {
    peers: { value: "N", describe: "how many, or their names with commas between them; 2 unless said otherwise" },
    relays: { value: "N", describe: "so many relays; none unless said otherwise" },
    directory: {
      value: "DIR",
      completes: "directory",
      describe: "where everything is kept, and stays; else it goes with the sandbox",
    },
  },
  examples: [
    ["p2pchat sandbox --peers 5", "five people who know each other, until Ctrl-C"],
    ["p2pchat sandbox --peers ann,ben --relays 1 --directory lab", "with names and a relay; it can be started again"],
    ["printf 'cut alice bob\\nsend alice bob hi\\nheal\\nwait 5s\\n' | p2pchat sandbox --json", "a script of faults"],
  ],
  run: async (args, context) => {
    const directory = args.value("directory");
    const peers = readPeers(args.value("peers") ?? "2");
    const options = { peers, relays: readRelays(args), ...(directory !== undefined && { directory }) };
    const { runSandbox } = await import("../sandbox/run-sandbox.ts");
    return await runSandbox(options, context);
  },
};

function readPeers(text: string): number | readonly string[] {
  return NUMBER.test(text) ? Number(text) : text.split(",").map((name) => name.trim());
}

function readRelays(args: Args): number {
  const text = args.value("relays") ?? "0";
  if (NUMBER.test(text)) return Number(text);
  throw new ChatError("USAGE", "here --relays takes a number: how many are started");
}
