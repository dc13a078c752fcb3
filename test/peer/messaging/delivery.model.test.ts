import { hash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { isChatError } from "../../../shared/errors.ts";
import type { Frame } from "../../../shared/frames.ts";
import { Generations } from "../../support/generations.ts";
import { exchangeGrants } from "../../support/mailbox-world.ts";
import type { Verdict } from "../../support/memory-network.ts";
import type { MessagingPeer } from "../../support/messaging-peer.ts";
import { MessagingWorld } from "../../support/messaging-world.ts";
import { RELAY_FAULTS } from "../../support/relay-faults.ts";

const NAMES = ["alice", "bob", "carol"] as const;
type Name = (typeof NAMES)[number];

/** More of them find more: a failure prints the seed that brings it back. */
const RUNS = Number(process.env["MODEL_RUNS"] ?? 12);

const RELAYS = ["relay-one", "relay-two"] as const;

const FRAMES: Frame["type"][] = ["hello", "open", "message", "commit", "opened", "committed", "ack", "resend", "reset"];

type Step =
  | { readonly do: "send"; readonly from: Name; readonly to: Name; readonly count: number }
  | { readonly do: "kill"; readonly who: Name }
  | { readonly do: "stop"; readonly who: Name }
  | { readonly do: "cut" | "part" | "join"; readonly a: Name; readonly b: Name }
  | { readonly do: "lose"; readonly frame: Frame["type"]; readonly after: number; readonly verdict: Verdict }
  | { readonly do: "killAt"; readonly who: Name; readonly frame: Frame["type"]; readonly after: number }
  | { readonly do: "forget"; readonly who: Name }
  | { readonly do: "relay"; readonly which: number; readonly how: keyof typeof RELAY_FAULTS }
  | { readonly do: "move"; readonly who: Name; readonly which: number }
  | { readonly do: "pass"; readonly ms: number };

const name = fc.constantFrom(...NAMES);
const frame = fc.constantFrom(...FRAMES);
const after = fc.integer({ min: 0, max: 20 });
const pair = fc.uniqueArray(name, { minLength: 2, maxLength: 2 }).map(([a = "alice", b = "bob"]) => ({ a, b }));
const send = fc
  .record({ pair, count: fc.integer({ min: 1, max: 70 }) })
  .map(({ pair: { a, b }, count }): Step => ({ do: "send", from: a, to: b, count: Math.ceil(count ** 2 / 70) }));
const ending = fc.record({ do: fc.constantFrom("kill" as const, "stop" as const), who: name });
const forgetting = fc.record({ do: fc.constant("forget" as const), who: name });
const relayFault = fc.record({
  do: fc.constant("relay" as const),
  which: fc.nat(RELAYS.length - 1),
  how: fc.constantFrom(...Object.keys(RELAY_FAULTS)) as fc.Arbitrary<keyof typeof RELAY_FAULTS>,
});
const moving = fc.record({ do: fc.constant("move" as const), who: name, which: fc.nat(RELAYS.length) });
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: send, weight: 6 },
  { arbitrary: ending, weight: 2 },
  { arbitrary: relayFault, weight: 2 },
  {
    arbitrary: fc
      .tuple(fc.constantFrom("cut" as const, "part" as const, "join" as const), pair)
      .map(([how, both]) => ({ do: how, ...both })),
    weight: 3,
  },
  {
    arbitrary: fc.record({
      do: fc.constant("lose" as const),
      frame,
      after,
      verdict: fc.constantFrom("mute" as const, "cut" as const),
    }),
    weight: 3,
  },
  { arbitrary: fc.record({ do: fc.constant("killAt" as const), who: name, frame, after }), weight: 2 },
  { arbitrary: forgetting, weight: 1 },
  {
    arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.constantFrom(10, 900, 16_000, 120_000) }),
    weight: 3,
  },
);
/** Where nobody meets anybody. */
const stepApart: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: send, weight: 4 },
  { arbitrary: ending, weight: 2 },
  { arbitrary: relayFault, weight: 3 },
  { arbitrary: forgetting, weight: 1 },
  { arbitrary: moving, weight: 1 },
  { arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.constantFrom(900, 16_000, 600_000) }), weight: 4 },
);

/** What a schedule is run on, and what was promised so far. */
class Run {
  readonly world = new MessagingWorld();
  readonly generations = new Generations();
  readonly peers = new Map<Name, MessagingPeer>();
  readonly relays = RELAYS.map((one) => this.world.relay(one));
  readonly accepted: { readonly from: Name; readonly to: Name; readonly text: string; readonly id: string }[] = [];
  readonly #movedTo = new Map<Name, number>();
  #faults: { readonly frame: Frame["type"]; left: number; readonly strike: () => Verdict }[] = [];

  async begin(): Promise<void> {
    for (const who of NAMES) {
      const options = { keyPackages: 10, lastResort: true, ...this.#options(who) };
      this.peers.set(who, await this.world.start(who, options));
    }
    for (const from of NAMES) for (const to of NAMES) if (from !== to) await this.send(from, to);
    await this.world.settle();
    this.world.network.judge = (passing) => {
      this.generations.leaves(passing);
      return this.#judge(passing.frame?.type);
    };
  }

  peer(who: Name): MessagingPeer {
    const peer = this.peers.get(who);
    if (peer === undefined) throw new Error(`${who} does not run`);
    return peer;
  }

  async send(from: Name, to: Name): Promise<void> {
    const text = `${from} to ${to} ${this.accepted.length}`;
    const { id } = await this.peer(from).send(to, text);
    this.accepted.push({ from, to, text, id });
  }

  async take(step: Step): Promise<void> {
    const { network } = this.world;
    if (step.do === "send") {
      await Promise.all(Array.from({ length: step.count }, () => this.send(step.from, step.to).catch(() => undefined)));
    } else if (step.do === "kill") this.restart(step.who);
    else if (step.do === "stop") {
      await this.peer(step.who).stop();
      this.restart(step.who);
    } else if (step.do === "forget") this.forgetSessions(step.who);
    else if (step.do === "move") this.move(step.who, step.which);
    else if (step.do === "pass") await this.world.pass(step.ms);
    else if (step.do === "relay") this.#strike(step.which, step.how);
    else if (step.do === "lose") this.#faults.push({ frame: step.frame, left: step.after, strike: () => step.verdict });
    else if (step.do === "killAt") {
      const strike = () => {
        // after this turn: whoever is killed is in the middle of something
        queueMicrotask(() => this.restart(step.who));
        return "drop" as const;
      };
      this.#faults.push({ frame: step.frame, left: step.after, strike });
    } else network[step.do](this.peer(step.a).self.device, this.peer(step.b).self.device);
  }

  restart(who: Name): void {
    this.peers.set(who, this.world.restart(this.peer(who), this.#options(who)));
  }

  #options(who: Name) {
    const addresses = this.relays.map(({ address }) => address);
    const only = addresses[this.#movedTo.get(who) ?? RELAYS.length];
    return { wrapSessions: this.generations.watch, relays: only === undefined ? addresses : [only] };
  }

  /** From now on somebody uses one relay alone, or both again. */
  move(who: Name, which: number): void {
    this.#movedTo.set(who, which);
    this.restart(who);
  }

  /** From now on they have only each other's mailboxes, which all of them know. */
  async part(): Promise<void> {
    const everyTwo = NAMES.flatMap((a) => NAMES.filter((b) => a < b).map((b) => [a, b] as const));
    for (const [a, b] of everyTwo) await exchangeGrants(this.world, this.peer(a), this.peer(b));
    for (const [a, b] of everyTwo) await this.take({ do: "part", a, b });
  }

  /** Somebody loses all session state, as after a crash that took the disk's last minutes. */
  forgetSessions(who: Name): void {
    const { store } = this.peer(who);
    store.transaction(() => store.sessions.closeAll());
    this.restart(who);
  }

  #strike(which: number, how: keyof typeof RELAY_FAULTS): void {
    const relay = this.relays[which];
    if (relay !== undefined) RELAY_FAULTS[how](relay);
  }

  /** Relays are honest again; long enough for what they lost to be left again. */
  async healRelays(): Promise<void> {
    for (const at of this.relays.keys()) this.#strike(at, "mends");
    for (let hours = 0; hours < 30; hours += 1) await this.world.pass(60 * 60_000);
  }

  /** The faults end; long enough for every back-off. */
  async heal(): Promise<void> {
    this.#faults = [];
    for (const at of this.relays.keys()) this.#strike(at, "mends");
    for (const a of NAMES) for (const b of NAMES) if (a < b) await this.take({ do: "join", a, b });
    for (let times = 0; times < 8; times += 1) await this.world.pass(5 * 60_000);
  }

  #judge(type: Frame["type"] | undefined): Verdict {
    for (const fault of this.#faults.filter((one) => one.frame === type)) {
      fault.left -= 1;
      if (fault.left >= 0) continue;
      this.#faults = this.#faults.filter((one) => one !== fault);
      return fault.strike();
    }
    return "pass";
  }

  inboxHash(): string {
    return hash("sha256", JSON.stringify(NAMES.map((who) => this.peer(who).inbox())), "hex");
  }
}

async function perform(steps: readonly Step[]): Promise<Run> {
  const run = new Run();
  await run.begin();
  for (const one of steps) await run.take(one);
  await run.heal();
  return run;
}

function expectInvariants(run: Run): void {
  for (const who of NAMES) {
    const peer = run.peer(who);
    for (const from of NAMES.filter((other) => other !== who)) {
      const shown = peer.inbox().filter((text) => String(text).startsWith(`${from} `));
      const sent = run.accepted.filter((one) => one.from === from && one.to === who).map(({ text }) => text);
      // each once, in order, without a hole
      expect(shown).toEqual(sent);
    }
    expect(peer.inbox().filter((entry) => typeof entry === "number")).toEqual([]);
    expect(peer.outbox()).toEqual([]);
    expect(peer.store.inbox.heldLanes()).toEqual([]);
    // Published records are numbered by the millisecond, in which no computer starts a program twice; it is put right.
    expect(peer.failures.filter((error) => !isChatError(error, "RECORD_CONFLICT"))).toEqual([]);
  }
  for (const { from, to, id } of run.accepted) {
    const rows = run.peer(from).store.outbox.ofMessage(Buffer.from(id, "hex"));
    expect(rows.map(({ state }) => state)).toEqual(["stored"]);
    const device = run.peer(from).self.device;
    expect(rows.every(({ envelopeId }) => run.peer(to).store.inbox.hasEnvelope(device, envelopeId))).toBe(true);
  }
  expect(run.generations.reused).toEqual([]);
}

function expectNoPlaintext(run: Run): void {
  for (const who of NAMES) {
    const path = run.world.databaseOf(run.peer(who).person);
    const files = [path, `${path}-wal`].filter((file) => existsSync(file)).map((file) => readFileSync(file, "latin1"));
    const found = run.accepted.filter(({ text }) => files.some((content) => content.includes(text)));
    expect(found).toEqual([]);
    // three letters turn up in random bytes by chance
    expect(["alice", "carol"].filter((one) => files.some((content) => content.includes(one)))).toEqual([]);
  }
}

test(
  "whatever happens on the way, every message arrives once and in order",
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
        const run = await perform(steps);
        expectInvariants(run);
        expectNoPlaintext(run);
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: RUNS * 5000, markInterruptAsFailure: false },
    );
  },
  RUNS * 10_000,
);

test(
  "people who never meet get every message once and in order, by mailboxes that fail and lie",
  async () => {
    const runs = Math.ceil(RUNS / 4);
    await fc.assert(
      fc.asyncProperty(fc.array(stepApart, { minLength: 5, maxLength: 20 }), async (steps) => {
        const run = new Run();
        await run.begin();
        await run.part();
        for (const one of steps) await run.take(one);
        await run.healRelays();
        expectInvariants(run);
        // what was answered has been told, whoever was killed before they could
        expect(NAMES.flatMap((who) => run.peer(who).store.mailbox.answering())).toEqual([]);
        expectNoPlaintext(run);
      }),
      { numRuns: runs, interruptAfterTimeLimit: runs * 15_000, markInterruptAsFailure: false },
    );
  },
  RUNS * 15_000,
);

test("the same schedule brings the same inboxes", async () => {
  const [steps = []] = fc.sample(fc.array(step, { minLength: 20, maxLength: 20 }), { numRuns: 1, seed: 7 });
  const [first, second] = [await perform(steps), await perform(steps)];
  expect(first.inboxHash()).toBe(second.inboxHash());
});
