import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as after } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createInternet, type Host, type Internet, type NatKind, type Unsolicited } from "./internet.ts";
import { type Sent, Town } from "./people.ts";

/*
 * Finds out what connects how, with the programs themselves, and writes it into docs/NETWORKS.md:
 * `node test/net/table.ts`. Takes some minutes, and a machine that can do what `canBuildNetworks` says.
 */

const DOCUMENT = fileURLToPath(new URL("../../docs/NETWORKS.md", import.meta.url));
const BEGIN = "<!-- table -->";
const END = "<!-- /table -->";
/** For a start, and for both to get off a relay; strangers at first, they do not try before the second time. */
const STARTED_MS = 2000;
const SETTLED_MS = 15_000;

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
  { kind: "sym", unsolicited: "drop" },
];

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
  const routed = [20, 80].flatMap((delayMs) =>
    pairs.map(([one, other]): Row => {
      const place = async (internet: Internet) => [await behind(internet, one), await behind(internet, other)] as const;
      return { alice: nameOf(one), bob: nameOf(other), delayMs, place };
    }),
  );
  return [...common, ...routed];
}

async function measure({ delayMs, version = 4, place }: Row): Promise<readonly [Sent, Sent]> {
  await using internet = await createInternet();
  using town = new Town(internet);
  await town.startServer(version);
  if (version === 4) await town.startRelay();
  const [aliceHost, bobHost] = await place(internet);
  const [alice, bob] = await Promise.all([town.addPerson("alice", aliceHost), town.addPerson("bob", bobHost)]);
  await after(STARTED_MS);
  await internet.setConditions({ delayMs });
  const first = await alice.send("bob", "hello");
  await after(SETTLED_MS);
  return [first, await bob.send("alice", "hello yourself")];
}

const described = ({ state, path, ms }: Sent) => (state === "stored" ? `${path}, ${ms} ms` : `${state} after ${ms} ms`);

async function main(): Promise<void> {
  const lines = [
    "| Alice behind | Bob behind | one way | first message | answer, 15 s later |",
    "|---|---|---|---|---|",
  ];
  const wanted = process.argv[2] ?? "";
  for (const row of rows()) {
    const title = `| ${row.alice} | ${row.bob} | ${row.delayMs} ms |`;
    if (!title.includes(wanted)) continue;
    const [first, second] = await measure(row);
    lines.push(`${title} ${described(first)} | ${described(second)} |`);
    console.log(lines.at(-1));
  }
  if (wanted !== "") return;
  const text = readFileSync(DOCUMENT, "utf8");
  const [before = "", rest = ""] = text.split(BEGIN);
  const [, behindIt = ""] = rest.split(END);
  writeFileSync(DOCUMENT, `${before}${BEGIN}\n${lines.join("\n")}\n${END}${behindIt}`);
}

await main();
process.exit();
