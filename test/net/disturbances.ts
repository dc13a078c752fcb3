import { setTimeout as after } from "node:timers/promises";
import { Conversation } from "./conversation.ts";
import { createInternet, type Host, type Internet, type Router, type Way } from "./internet.ts";
import { type Person, Town } from "./people.ts";
import type { NatKind } from "./router-rules.ts";
import type { Conditions } from "./switch.ts";

/*
 * What happens to the networks of two who are talking, and what comes of their conversation.
 */

/** Long enough for both to give up their connections, their relay's too. */
const CUT_MS = 30_000;
/** To be connected as before, which is not promised: an attempt may fail, and the next comes later. */
const SETTLED_MS = 200_000;
/** Promised of a network that is whole again, and of somebody who is elsewhere. */
const HEALED_WITHIN_MS = 30_000;
const MOVED_WITHIN_MS = 60_000;
/** For a message whose first, second and third copy are lost. */
const LOSSY_WITHIN_MS = 30_000;
const LOST: Conditions = { delayMs: 80, lossPercent: 5 };
const MESSAGES_UNDER_LOSS = 50;
const OTHER_LAN = 8;

export type Pair = {
  readonly internet: Internet;
  readonly alice: Person;
  readonly bob: Person;
  /** Of Bob's network; none where he has a public address. */
  readonly router: Router | undefined;
  readonly conversation: Conversation;
};

export type Disturbance = {
  readonly title: string;
  /** Of both networks. */
  readonly kind: NatKind | "public";
  /** How the two are connected before, and later again. */
  readonly path: "direct" | "punched" | "relay";
  readonly conditions: Conditions;
  /** From the end of the disturbance until both were shown something that was written after it. */
  readonly withinMs: number;
  readonly disturb: (pair: Pair) => Promise<void>;
};

export type Outcome = {
  /** From the end of the disturbance; undefined: it took longer than it may. */
  readonly goesOnMs: number | undefined;
  readonly asBeforeMs: number | undefined;
  readonly accounts: Awaited<ReturnType<Conversation["end"]>>;
};

function cut(way: Way, kind: NatKind, path: "punched" | "relay"): Disturbance {
  const what = { both: "both ways", out: "from Bob", in: "to Bob" }[way];
  return {
    title: `packets vanish ${what} for ${CUT_MS / 1000} s`,
    ...{ kind, path, conditions: { delayMs: 20 }, withinMs: HEALED_WITHIN_MS },
    async disturb({ router }) {
      await router?.unplug(way);
      // the fault itself: nothing is waited for
      await after(CUT_MS);
      await router?.plug();
    },
  };
}

export const PARTITIONS: readonly Disturbance[] = [
  cut("both", "masq", "punched"),
  cut("out", "masq", "punched"),
  cut("in", "masq", "punched"),
  cut("both", "sym", "relay"),
];

const MOVING = { conditions: { delayMs: 20 }, withinMs: MOVED_WITHIN_MS } as const;

async function moveToAnother({ internet, bob }: Pair, kind: NatKind, lan?: number): Promise<void> {
  const router = await internet.addNat(kind, lan === undefined ? {} : { lan });
  router.welcome(bob.host);
}

export const MOVES: readonly Disturbance[] = [
  {
    title: "Bob goes to another network",
    ...{ kind: "masq", path: "punched", ...MOVING },
    disturb: (pair) => moveToAnother(pair, "masq", OTHER_LAN),
  },
  {
    title: "Bob goes to another network, where his own address is the same",
    ...{ kind: "masq", path: "punched", ...MOVING },
    disturb: (pair) => moveToAnother(pair, "masq"),
  },
  {
    title: "Bob goes to another network",
    ...{ kind: "sym", path: "relay", ...MOVING },
    disturb: (pair) => moveToAnother(pair, "sym", OTHER_LAN),
  },
  {
    title: "Bob's router gets another address",
    ...{ kind: "masq", path: "punched", ...MOVING },
    disturb: async ({ router }) => router?.move(),
  },
  {
    title: "Bob gets another address",
    ...{ kind: "public", path: "direct", ...MOVING },
    disturb: async ({ bob }) => bob.host.move(),
  },
];

function losing(kind: NatKind, path: "punched" | "relay"): Disturbance {
  return {
    title: `${LOST.lossPercent} % of all packets are lost`,
    ...{ kind, path, conditions: LOST, withinMs: LOSSY_WITHIN_MS },
    async disturb({ conversation }) {
      for (let times = 0; times < MESSAGES_UNDER_LOSS; times += 1) await conversation.goesOn(LOSSY_WITHIN_MS);
    },
  };
}

export const LOSSES: readonly Disturbance[] = [losing("masq", "punched"), losing("sym", "relay")];

/** @throws Error where the two do not get connected as they should be before it begins */
export async function runDisturbance({ disturb, ...disturbance }: Disturbance): Promise<Outcome> {
  await using internet = await createInternet();
  using town = new Town(internet);
  const pair = await meet(internet, town, disturbance);
  const { conversation } = pair;
  if ((await conversation.goesOn(SETTLED_MS, disturbance.path)) === undefined) {
    throw new Error(`no message went ${disturbance.path}: ${pathsOf(pair)}`);
  }
  await disturb(pair);
  const startedAtMs = performance.now();
  const goesOnMs = await conversation.goesOn(disturbance.withinMs);
  const isAsBefore = await conversation.goesOn(SETTLED_MS, disturbance.path);
  const asBeforeMs = isAsBefore === undefined ? undefined : Math.round(performance.now() - startedAtMs);
  return { goesOnMs, asBeforeMs, accounts: await conversation.end(SETTLED_MS) };
}

async function meet(internet: Internet, town: Town, { kind, conditions }: Omit<Disturbance, "disturb">): Promise<Pair> {
  await town.startServer();
  await town.startRelay();
  const [alices, router] = kind === "public" ? [] : [await internet.addNat(kind), await internet.addNat(kind)];
  const hostBehind = (one: Router | undefined): Promise<Host> => (one ?? internet).addHost();
  const [alice, bob] = await Promise.all([
    town.addPerson("alice", await hostBehind(alices)),
    town.addPerson("bob", await hostBehind(router)),
  ]);
  await internet.setConditions(conditions);
  return { internet, alice, bob, router, conversation: await Conversation.start(alice, bob) };
}

/** By which the last message came to each. */
const pathsOf = ({ alice, bob }: Pair) => [alice, bob].map(({ heard }) => heard.at(-1)?.path).join(" and ");
