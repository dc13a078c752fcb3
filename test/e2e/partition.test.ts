import { setTimeout as after } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Operations } from "../../peer/messaging/operations.ts";
import { LIMITS } from "../../shared/protocol.ts";
import { canDropPackets } from "../support/capabilities.ts";
import { callsOf } from "../support/daemon-calls.ts";
import { type IsolatedNetwork, type Lost, startIsolatedNetwork } from "../support/isolated-network.ts";
import { startServerProcess } from "../support/naming-server.ts";
import { World } from "../support/p2pchat.ts";
import type { Program } from "../support/program.ts";

/** The fault itself: nothing else is waited for by the clock. */
const CUT_MS = 60_000;
/** What is promised. The pause before the next try is most of it, 20 s at the longest; a slow machine needs the rest. */
const HEALED_WITHIN_MS = 30_000;
const SHOWN_BEFORE_THE_CUT = 50;
/** More than may be on its way unanswered: some of these cannot arrive before the network is back. */
const SENT_INTO_THE_CUT = 2 * LIMITS.sendWindowMessages;
const SERVER_PORT = 8080;
const TIMEOUT_MS = 20_000;

type Listener = {
  readonly name: string;
  readonly port: number;
  readonly program: Program;
  readonly calls: Operations;
};

type Pair = { readonly from: Listener; readonly to: Listener };

const words = ({ from, to }: Pair): Lost => ({ to: [to.port], from: [from.port] });
const answers = ({ from, to }: Pair): Lost => words({ from: to, to: from });

const PARTITIONS = [
  { names: ["alice", "bob"], lost: [words, answers] },
  { names: ["carol", "dave"], lost: [words] },
  { names: ["erin", "frank"], lost: [answers] },
] as const;

async function startServer({ wrapper }: IsolatedNetwork): Promise<World> {
  const world = new World(`http://127.0.0.1:${SERVER_PORT}`);
  const args = ["--port", String(SERVER_PORT), "--public-url", world.url];
  await startServerProcess({ databasePath: world.databasePath, args, wrapper });
  return world;
}

async function startListener({ wrapper }: IsolatedNetwork, world: World, name: string, port: number) {
  const person = world.person(name);
  const registered = await person.run(["register", name, "--server", world.url, "--no-passphrase"], { wrapper });
  expect(registered.code).toBe(0);
  const program = await person.listen(["--port", String(port)], { wrapper });
  return { name, port, program, calls: await callsOf(person, program) };
}

/** Both have written, so that neither is a stranger, who may send only so much. */
async function acquaint({ from, to }: Pair): Promise<void> {
  const hello = { text: "hello", wait: "stored", timeoutMs: TIMEOUT_MS } as const;
  expect(await from.calls.send({ to: to.name, ...hello })).toMatchObject({ state: "stored" });
  expect(await to.calls.send({ to: from.name, ...hello })).toMatchObject({ state: "stored" });
}

const shownBy = ({ program }: Listener) =>
  program.seen.filter(({ type, text }) => type === "message" && text !== "hello").map(({ text }) => text);

/** Writes one message after the other until the cut, and some more. */
async function write({ from, to }: Pair, cut: AbortSignal): Promise<string[]> {
  const texts: string[] = [];
  for (let intoTheCut = 0; intoTheCut < SENT_INTO_THE_CUT; intoTheCut += cut.aborted ? 1 : 0) {
    const text = `message ${texts.length}`;
    await from.calls.send({ to: to.name, text, wait: "queued", timeoutMs: TIMEOUT_MS });
    texts.push(text);
  }
  return texts;
}

/** Parts them in the middle of a stream; all that was written. */
async function partInTheMiddle(pair: Pair, lose: () => void): Promise<string[]> {
  const cut = new AbortController();
  const writing = write(pair, cut.signal);
  await pair.to.program.until(() => shownBy(pair.to).length >= SHOWN_BEFORE_THE_CUT);
  lose();
  cut.abort();
  return writing;
}

test.skipIf(!canDropPackets())(
  "after a minute in which packets vanish, both ways or one, a stream goes on within 30 s: whole, once and in order",
  async () => {
    const network = await startIsolatedNetwork();
    const world = await startServer(network);
    const streams = await Promise.all(
      PARTITIONS.map(async ({ names, lost }, index) => {
        const port = SERVER_PORT + 1 + 2 * index;
        const from = await startListener(network, world, names[0], port);
        const to = await startListener(network, world, names[1], port + 1);
        await acquaint({ from, to });
        const texts = await partInTheMiddle({ from, to }, () => {
          for (const some of lost) network.lose(some({ from, to }));
        });
        return { from, to, texts };
      }),
    );
    await after(CUT_MS);
    for (const { to, texts } of streams) expect(shownBy(to).length).toBeLessThan(texts.length);

    network.mend();
    await Promise.all(
      streams.map(({ to, texts }) => to.program.until(() => shownBy(to).length >= texts.length, HEALED_WITHIN_MS)),
    );
    for (const { from, to, texts } of streams) {
      await expect.poll(async () => (await from.calls.outboxList()).items, { timeout: TIMEOUT_MS }).toEqual([]);
      expect(shownBy(to)).toEqual(texts);
      expect(to.program.seen.map(({ type }) => type)).not.toContain("gap");
      const { messages } = await to.calls.history({ with: from.name, limit: 10 * texts.length });
      expect(messages.filter((one) => one.from === from.name).map(({ text }) => text)).toEqual(["hello", ...texts]);
    }
  },
  240_000,
);
