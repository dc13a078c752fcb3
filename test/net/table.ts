import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as after } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { setup } from "../support/build-programs.ts";
import { type Disturbance, LOSSES, MOVES, type Outcome, PARTITIONS, runDisturbance } from "./disturbances.ts";
import { createInternet, type Host, type Internet } from "./internet.ts";
import { RELAY_PORT, SERVER_PORT, type Sent, Town } from "./people.ts";
import { firewallRules, type NatKind, type Unsolicited } from "./router-rules.ts";

/*
 * Finds out what connects how, and how long conversations stand still when networks change, with the programs themselves,
 * and writes it into docs/NETWORKS.md: `node test/net/table.ts`, or one of its two tables, `node test/net/table.ts changes`.
 * Takes some minutes, and a machine that can do what `canBuildNetworks` says.
 */

const DOCUMENT = fileURLToPath(new URL("../../docs/NETWORKS.md", import.meta.url));
/** For a start, and for both to get off a relay; strangers at first, they do not try before the second time. */
const STARTED_MS = 2000;
const SETTLED_MS = 15_000;
/** They wait most of their time. */
const AT_ONCE = 3;

type Row = {
  readonly alice: string;
  readonly bob: string;
  readonly delayMs: number;
  readonly version?: 4 | 6;
  readonly place: (internet: Internet) => Promise<readonly [Host, Host]>;
};

type Kind = { readonly kind: NatKind; readonly unsolicited: Unsolicited };

const behind = (internet: Internet, { kind, unsolicited }: Kind) =>
  internet.addNat(kind, { unsolicited }).then((router) => router.addHost());

const KINDS: readonly Kind[] = [
  { kind: "masq", unsolicited: "drop" },
  { kind: "masq", unsolicited: "refuse" },
  { kind: "fwd", unsolicited: "drop" },
  { kind: "fwd", unsolicited: "refuse" },
  { kind: "sym", unsolicited: "drop" },
  { kind: "sym", unsolicited: "refuse" },
];

/** Lets nobody in, and out only to naming servers and relays. */
async function addWalled(internet: Internet): Promise<Host> {
  const host = await internet.addHost(6);
  host.run(`nft '${firewallRules([SERVER_PORT, RELAY_PORT])}'`);
  return host;
}

const nameOf = ({ kind, unsolicited }: Kind) => `\`${kind}\`, ${unsolicited === "drop" ? "drops" : "refuses"}`;

function rows(): Row[] {
  const common: Row[] = [
    {
      ...{ alice: "public", bob: "public", delayMs: 20 },
      place: async (internet) => [await internet.addHost(), await internet.addHost()],
    },
    {
      ...{ alice: "public, IPv6 only", bob: "public, IPv6 only", delayMs: 20, version: 6 },
      place: async (internet) => [await internet.addHost(6), await internet.addHost(6)],
    },
    {
      ...{ alice: "public, IPv6 only", bob: "firewall, IPv6 only", delayMs: 20, version: 6 },
      place: async (internet) => [await internet.addHost(6), await addWalled(internet)],
    },
    {
      ...{ alice: "`masq`, drops", bob: "public", delayMs: 20 },
      place: async (internet) => [
        await behind(internet, { kind: "masq", unsolicited: "drop" }),
        await internet.addHost(),
      ],
    },
    {
      ...{ alice: "`masq`, drops", bob: "the same network", delayMs: 20 },
      place: async (internet) => {
        const router = await internet.addNat("masq");
        return [await router.addHost(), await router.addHost()];
      },
    },
  ];
  const pairs = KINDS.flatMap((one, at) => KINDS.slice(at).map((other) => [one, other] as const));
  const dropping = pairs.filter((pair) => pair.every(({ unsolicited }) => unsolicited === "drop"));
  const place =
    (delayMs: number) =>
    (pair: readonly [Kind, Kind]): Row => ({
      ...{ alice: nameOf(pair[0]), bob: nameOf(pair[1]), delayMs },
      place: async (internet) => [await behind(internet, pair[0]), await behind(internet, pair[1])],
    });
  const routed = [...dropping.map(place(20)), ...pairs.map(place(80))];
  return [...common, ...routed];
}

async function measure({ delayMs, version = 4, place }: Row): Promise<readonly [Sent, Sent]> {
  await using internet = await createInternet();
  using town = new Town(internet);
  await town.startServer(version);
  await town.startRelay(version);
  const [aliceHost, bobHost] = await place(internet);
  const [alice, bob] = await Promise.all([town.addPerson("alice", aliceHost), town.addPerson("bob", bobHost)]);
  await after(STARTED_MS);
  await internet.setConditions({ delayMs });
  const first = await alice.send("bob", "hello");
  await after(SETTLED_MS);
  return [first, await bob.send("alice", "hello yourself")];
}

const described = ({ state, path, ms }: Sent) => (state === "stored" ? `${path}, ${ms} ms` : `${state} after ${ms} ms`);

async function describeRow(row: Row): Promise<string> {
  const [first, second] = await measure(row);
  return `| ${row.alice} | ${row.bob} | ${row.delayMs} ms | ${described(first)} | ${described(second)} |`;
}

async function describeDisturbance(disturbance: Disturbance): Promise<string> {
  const { goesOnMs, asBeforeMs, accounts } = await runDisturbance(disturbance);
  const { title, kind, path } = disturbance;
  const [on, before] = [goesOnMs, asBeforeMs].map((ms) => (ms === undefined ? "too late" : `${ms} ms`));
  const networks = kind === "public" ? kind : `\`${kind}\``;
  return `| ${title} | ${networks} | ${path} | ${on} | ${before} | ${written(accounts)} |`;
}

/** How many were written, all of which the other side was shown once and in order. */
function written(accounts: Outcome["accounts"]): string {
  const isWhole = accounts.every((account) => account.shown.join() === account.written.join());
  return isWhole ? `all of ${accounts.flatMap((account) => account.written).length}` : "not all";
}

async function runAll<T>(items: readonly T[], describe: (item: T) => Promise<string>): Promise<string[]> {
  const lines: string[] = [];
  const waiting = items.entries();
  const runInTurn = async () => {
    for (const [at, item] of waiting) {
      lines[at] = await describe(item);
      console.log(lines[at]);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, runInTurn));
  return lines;
}

function write(name: string, lines: readonly string[]): void {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const text = readFileSync(DOCUMENT, "utf8");
  const [before = "", rest = ""] = text.split(begin);
  const [, behindIt = ""] = rest.split(end);
  writeFileSync(DOCUMENT, `${before}${begin}\n${lines.join("\n")}\n${end}${behindIt}`);
}

const SECTIONS = {
  table: async () => [
    "| Alice behind | Bob behind | one way | first message | answer, 15 s later |",
    "|---|---|---|---|---|",
    ...(await runAll(rows(), describeRow)),
  ],
  changes: async () => [
    "| what happens | both behind | connected | goes on after | as before after | messages shown |",
    "|---|---|---|---|---|---|",
    ...(await runAll([...MOVES, ...PARTITIONS, ...LOSSES], describeDisturbance)),
  ],
} as const;

const tearDown = await setup();
for (const [name, run] of Object.entries(SECTIONS)) if ((process.argv[2] ?? name) === name) write(name, await run());
tearDown();
process.exit();
