import { expect, test } from "vitest";
import { canFakeClocks, hasTmux } from "../support/capabilities.ts";
import { ComputerClock } from "../support/computer-clock.ts";
import { type Person, startWorld } from "../support/p2pchat.ts";
import { PROGRAMS, REPOSITORY } from "../support/programs.ts";
import { terminalSvg } from "../support/terminal-svg.ts";
import { Tmux } from "../support/tmux.ts";

/*
 * `npm run screenshot` writes docs/chat.svg: a real conversation between real processes, on a clock that stands where it is
 * put. Without `-u` this is the check that the picture still shows what people see.
 */

const SIZE = { columns: 92, rows: 17 };
const PICTURE = `${REPOSITORY}docs/chat.svg`;
const TITLE = "alice talks to bob in p2pchat chat; carol has written too";

test.runIf(hasTmux() && canFakeClocks())("the picture of a conversation is what a terminal shows", async () => {
  const computer = new ComputerClock();
  const clock = { nowMs: 0 };
  const itIs = (time: string) => {
    computer.set(time);
    clock.nowMs = Date.parse(`${time.replace(" ", "T")}Z`);
  };
  itIs("2026-11-19 21:40:00");
  const world = await startWorld({ clock });
  const env = { ...computer.env, TZ: "UTC" };
  const join = async (name: string) => {
    const person = world.person(name, env);
    await person.register("--no-passphrase");
    return person;
  };
  const [alice, bob, carol] = [await join("alice"), await join("bob"), await join("carol")];
  const evening = [await alice.listen(), await bob.listen(), await carol.listen()];
  await say(alice, carol, "bob and I take the ferry tomorrow. Are you coming along?");
  await say(alice, bob, "The ferry leaves at nine. Shall I get the tickets?");
  itIs("2026-11-19 21:42:00");
  await say(bob, alice, "yes please, and a seat by the window");
  await Promise.all(evening.map((program) => program.stop()));

  itIs("2026-11-20 08:31:00");
  await bob.listen();
  await carol.listen();
  const tmux = new Tmux(SIZE, { ...alice.environment(), TERM: "screen-256color", LANG: "C.UTF-8", PS1: "$ " });
  tmux.enter(`clear; ${process.execPath} ${PROGRAMS.p2pchat} chat bob`);
  await tmux.sees(/window\n[\s\S]*> *$/);
  tmux.enter("Got them: two seats, row 4, by the window");
  await tmux.sees(/by the window ✓/);
  itIs("2026-11-20 08:33:00");
  const { id } = await say(bob, alice, "brilliant. is carol coming along?");
  await tmux.sees(/carol coming along/);
  await change(bob, ["edit", id, "brilliant! Is carol coming along?"]);
  await tmux.sees(/\(edited\)/);
  tmux.enter("/react 👍");
  await tmux.sees(/👍 alice/);
  itIs("2026-11-20 08:34:00");
  await tmux.sees(/\* bob/);
  tmux.enter("/reply She said so. I'll ask her again");
  await tmux.sees(/ask her again ✓/);
  await say(carol, alice, "I'm on my way, wait for me");
  await tmux.sees(/2 \* carol +1 +│/);
  itIs("2026-11-20 08:35:00");
  await say(bob, alice, "見えた! 🚢  It is already there,\nblue and white, with the long gangway down");
  await tmux.sees(/gangway/);
  await tmux.sees(/1 \* bob[\s\S]*2 \* carol/);
  tmux.type("See you at the pi");
  await tmux.sees(/bob {2}online, direct[\s\S]*2 \* carol[\s\S]*carol: 1 new[\s\S]*See you at the pi$/m);
  await expect(terminalSvg(tmux.styled().split("\n").slice(0, SIZE.rows), SIZE.columns, TITLE)).toMatchFileSnapshot(
    PICTURE,
  );
});

async function say(from: Person, to: Person, text: string): Promise<{ id: string }> {
  const { exit, line } = await from.send(to.name, text, "--timeout", "60s");
  expect({ exit, state: line.state }).toEqual({ exit: 0, state: "stored" });
  return { id: String(line.id) };
}

async function change(person: Person, args: readonly string[]): Promise<void> {
  expect((await person.ask([...args, "--timeout", "60s"])).exit).toBe(0);
}
