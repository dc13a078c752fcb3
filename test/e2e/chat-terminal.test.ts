import { describe, expect, test } from "vitest";
import { hasTmux } from "../support/capabilities.ts";
import { P2PCHAT, SIZE } from "../support/chat-command.ts";
import { type Person, strangers } from "../support/p2pchat.ts";
import { PROGRAMS } from "../support/programs.ts";
import { Tmux } from "../support/tmux.ts";

describe.runIf(hasTmux())("the terminal is as it was", () => {
  test.each([
    ["/quit", 0],
    ["TERM", 0],
    ["HUP", 0],
    ["INT", 130],
  ])("after %s, with exit code %i", async (how, code) => {
    const { alice } = await strangers();
    const tmux = new Tmux(SIZE, { ...alice.environment(), TERM: "screen-256color", LANG: "C.UTF-8", PS1: "prompt " });
    await tmux.sees(/prompt/);
    const before = tmux.mode();
    tmux.enter(`${P2PCHAT} chat bob; echo "left with $?"`);
    await tmux.sees(/ bob /);
    await tmux.sees(/> *$/m);
    expect(tmux.mode()).toMatchObject({ alternate: true, wraps: false });
    expect(tmux.mode().stty).toMatch(/-icanon/);
    if (how === "/quit") tmux.enter("/quit");
    else process.kill(await pidOf(alice), `SIG${how}`);
    await tmux.sees(new RegExp(`left with ${code}\\b`));
    expect(tmux.mode()).toEqual(before);
  });

  test("after an error that nobody catches, and the error can be read", async () => {
    const { alice } = await strangers();
    const tmux = new Tmux(SIZE, { ...alice.environment(), TERM: "screen-256color", LANG: "C.UTF-8", PS1: "prompt " });
    await tmux.sees(/prompt/);
    const before = tmux.mode();
    const fault = "data:text/javascript,process.on('SIGUSR2',()=>{throw new Error('nobody catches this')})";
    tmux.enter(`${process.execPath} --import "${fault}" ${PROGRAMS.p2pchat} chat bob; echo "left with $?"`);
    await tmux.sees(/> *$/m);
    process.kill(await pidOf(alice), "SIGUSR2");
    await tmux.sees(/nobody catches this[\s\S]*left with \d/);
    expect(tmux.mode()).toEqual(before);
  });
});

async function pidOf(person: Person): Promise<number> {
  const { line } = await person.ask(["status"]);
  return Number((line["daemon"] as { pid: number }).pid);
}

describe.runIf(hasTmux())("with a passphrase", () => {
  test("it is asked for once; a locked screen hides everything until it is typed again", async () => {
    const { world } = await strangers();
    const dora = world.person("dora");
    const tmux = new Tmux(SIZE, { ...dora.environment(), TERM: "screen-256color", LANG: "C.UTF-8", PS1: "prompt " });
    await tmux.sees(/prompt/);
    tmux.enter(`${P2PCHAT} register dora --server ${world.url}`);
    await tmux.sees(/New passphrase/);
    tmux.enter("correct horse");
    await tmux.sees(/The same again/);
    tmux.enter("correct horse");
    await tmux.sees(/registered dora/);
    tmux.enter(`clear; ${P2PCHAT} chat bob; echo "left with $?"`);
    await tmux.sees(/Passphrase:/);
    tmux.enter("correct horse");
    await tmux.sees(/> *$/m);
    tmux.type("a secret draft");
    await tmux.sees(/a secret draft/);
    tmux.press("C-u");
    tmux.enter("/lock");
    await tmux.sees(/p2pchat is locked/);
    expect(tmux.text()).not.toMatch(/bob|secret/);
    tmux.enter("wrong");
    await tmux.sees(/passphrase.*wrong|wrong.*passphrase/i);
    tmux.enter("correct horse");
    await tmux.sees(/ bob /);
    await tmux.seesNoMore(/locked/);
  });
});

test("without a terminal it says what to use instead, and does nothing", async () => {
  const { alice } = await strangers();
  const { exit, line } = await alice.ask(["chat", "bob"]);
  expect({ exit, code: line.code }).toEqual({ exit: 1, code: "USAGE" });
  const piped = await alice.run(["chat", "bob"]);
  expect(piped).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("needs a terminal") });
});
