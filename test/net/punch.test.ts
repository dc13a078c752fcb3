import { describe, test } from "vitest";
import { canBuildNetworks } from "../support/capabilities.ts";
import { createInternet, type Internet } from "./internet.ts";
import { type Process, startOn } from "./process.ts";
import { FORWARDED_PORT, type NatKind, type Unsolicited } from "./router-rules.ts";

/** Long enough for some attempts: on a busy machine, on which many pairs try at once, the first may come to nothing. */
const MEETING_MS = 90_000;
/** Long enough for one attempt to fail. */
const GIVING_UP_MS = 6500;
const TIMEOUT_MS = 180_000;

type Side = { readonly kind: NatKind; readonly unsolicited?: Unsolicited };
type Outcome = {
  readonly before: string;
  readonly after: string;
  /** From the relayed connection to the other. */
  readonly ms: number;
  readonly log: string[];
};

async function startRelay(internet: Internet): Promise<string> {
  const host = await internet.addHost();
  const { ready } = await startOn(host, "relay-main.ts", [host.address, String(FORWARDED_PORT)]);
  return (ready as { address: string }).address;
}

async function startBehind(internet: Internet, relays: readonly string[], side: Side, name: string): Promise<Process> {
  const { kind, ...options } = side;
  const router = await internet.addNat(kind, options);
  return startOn(await router.addHost(), "peer-main.ts", [name, String(FORWARDED_PORT), ...relays]);
}

type Pair = {
  readonly sides: readonly [Side, Side];
  readonly patienceMs: number;
  readonly delayMs?: number;
  readonly relays?: number;
};

/** Alice and Bob, each behind a router; Alice connects to Bob through a relay, and both try to get off it. */
async function getOffRelay({ sides, patienceMs, delayMs = 0, relays: count = 1 }: Pair): Promise<Outcome> {
  await using internet = await createInternet({ delayMs });
  const relays = await Promise.all(Array.from({ length: count }, () => startRelay(internet)));
  const alice = await startBehind(internet, relays, sides[0], "alice");
  const bob = await startBehind(internet, relays, sides[1], "bob");
  const outcome = (await alice.ask(`bob ${patienceMs}`)) as Outcome;
  console.log(`${describeSides(sides)}, ${delayMs} ms away: ${outcome.after} after ${outcome.ms} ms`);
  // of two attempts at once one gives way: only the other can tell why it fails
  if (count > 1) outcome.log.push(...((await bob.ask(`alice ${patienceMs}`)) as Outcome).log);
  return outcome;
}

/** Pairs that meet, Alice first. */
const MEETING: readonly Pair["sides"][] = [
  [{ kind: "masq" }, { kind: "masq" }],
  [{ kind: "masq", unsolicited: "refuse" }, { kind: "masq" }],
  [
    { kind: "masq", unsolicited: "refuse" },
    { kind: "masq", unsolicited: "refuse" },
  ],
  [{ kind: "masq" }, { kind: "fwd" }],
  [{ kind: "masq" }, { kind: "fwd", unsolicited: "refuse" }],
];

/** What a symmetric router lets through comes from a port that nobody could know. */
const NEVER_MEETING: readonly Pair["sides"][] = [
  [{ kind: "sym" }, { kind: "masq" }],
  [{ kind: "masq" }, { kind: "sym", unsolicited: "refuse" }],
  [{ kind: "sym" }, { kind: "sym" }],
];

describe.skipIf(!canBuildNetworks()).concurrent("two devices behind routers", () => {
  for (const delayMs of [0, 80]) {
    for (const sides of MEETING) {
      test(`${describeSides(sides)}, ${delayMs} ms away, get off the relay`, { timeout: TIMEOUT_MS }, async ({
        expect,
      }) => {
        const { before, after } = await getOffRelay({ sides, delayMs, patienceMs: MEETING_MS });
        expect({ before, after }).toEqual({ before: "relay", after: "punched" });
      });
    }

    for (const sides of NEVER_MEETING) {
      test(`${describeSides(sides)}, ${delayMs} ms away, stay on the relay`, { timeout: TIMEOUT_MS }, async ({
        expect,
      }) => {
        const outcome = await getOffRelay({ sides, delayMs, patienceMs: GIVING_UP_MS });
        expect(outcome).toMatchObject({ before: "relay", after: "relay" });
      });
    }
  }

  test("of which one lets the other in are connected directly", { timeout: TIMEOUT_MS }, async ({ expect }) => {
    const outcome = await getOffRelay({ sides: [{ kind: "sym" }, { kind: "fwd" }], patienceMs: MEETING_MS });
    expect(outcome).toMatchObject({ before: "relay", after: expect.stringMatching(/^(?:direct|punched)$/) });
  });

  test("give up at once where two relays see different ports", { timeout: TIMEOUT_MS }, async ({ expect }) => {
    const sides: Pair["sides"] = [{ kind: "sym" }, { kind: "masq" }];
    const { after, log } = await getOffRelay({ sides, relays: 2, patienceMs: GIVING_UP_MS });
    expect(after).toBe("relay");
    expect(log.join()).toContain("no way between the two");
  });
});

function describeSides(sides: Pair["sides"]): string {
  return sides.map(({ kind, unsolicited = "drop" }) => `${kind} (${unsolicited})`).join(" and ");
}
