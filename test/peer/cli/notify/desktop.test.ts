import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { desktopOf } from "../../../../peer/cli/notify/desktop.ts";
import { temporaryDirectory } from "../../../support/temporary-directory.ts";

function screen(isTTY: boolean): PassThrough & { readonly isTTY: boolean } {
  return Object.assign(new PassThrough(), { isTTY });
}

function shownOn(env: Record<string, string>, { stdout = false, stderr = true } = {}) {
  const place = { stdout: screen(stdout), stderr: screen(stderr), env };
  desktopOf(place)?.show({ title: "bob", body: "a;b" });
  return [place.stdout, place.stderr].map((stream) => String(stream.read() ?? ""));
}

describe("a terminal is sent the sequence that it understands", () => {
  test.each([
    [{ TERM: "xterm-256color" }, "\x1b]9;bob: a,b\x07"],
    [{ TERM: "rxvt-unicode-256color" }, "\x1b]777;notify;bob;a,b\x07"],
    [{ TERM: "xterm-256color", VTE_VERSION: "7800" }, "\x1b]777;notify;bob;a,b\x07"],
    [{ TERM: "tmux-256color", TMUX: "/tmp/tmux-0/default" }, "\x1bPtmux;\x1b\x1b]9;bob: a,b\x07\x1b\\"],
    [{ TERM: "linux" }, ""],
    [{ TERM: "dumb" }, ""],
  ])("%j", (env, expected) => {
    expect(shownOn(env)).toEqual(["", expected]);
  });

  test("wherever it is: never a pipe", () => {
    const env = { TERM: "xterm" };
    expect(shownOn(env, { stdout: true, stderr: false })).toEqual(["\x1b]9;bob: a,b\x07", ""]);
    expect(shownOn(env, { stdout: true, stderr: true })).toEqual(["", "\x1b]9;bob: a,b\x07"]);
    expect(desktopOf({ stdout: screen(false), stderr: screen(false), env })).toBeUndefined();
  });
});

describe("on a desktop", () => {
  /** A notify-send that writes down its arguments. */
  function desktop() {
    const directory = temporaryDirectory();
    const [program, seen] = [join(directory, "notify-send"), join(directory, "seen")];
    writeFileSync(program, `#!/bin/sh\nprintf '%s\\n' "$@" > ${seen}.part && mv ${seen}.part ${seen}\n`);
    chmodSync(program, 0o700);
    return { env: { PATH: `${directory}:/bin:/usr/bin`, DISPLAY: ":0", TERM: "xterm" }, seen };
  }

  test("notify-send is given the text as arguments, and no shell and no markup makes more of it", async () => {
    const { env, seen } = desktop();
    const place = { stdout: screen(true), stderr: screen(true), env };
    desktopOf(place)?.show({ title: "bob", body: "-x $(id) <b>& 'quoted'" });
    await expect.poll(() => existsSync(seen)).toBe(true);
    const args = "--app-name=p2pchat\n--\nbob\n-x $(id) &lt;b&gt;&amp; 'quoted'\n";
    expect(readFileSync(seen, "utf8")).toBe(args);
    expect([place.stdout.read(), place.stderr.read()]).toEqual([null, null]);
  });

  test("is not private, where the terminal is", () => {
    const { env } = desktop();
    const place = (more: object) => ({ stdout: screen(true), stderr: screen(true), env: { ...env, ...more } });
    expect(desktopOf(place({}))?.isPrivate).toBe(false);
    for (const known of [{ TERM: "xterm-kitty" }, { VTE_VERSION: "7800" }, { TERM_PROGRAM: "iTerm.app" }]) {
      expect(desktopOf(place(known))?.isPrivate).toBe(true);
    }
  });

  test("without a display, or without the program, the terminal shows it", () => {
    const { env } = desktop();
    expect(shownOn({ ...env, DISPLAY: "" })[1]).toBe("\x1b]9;bob: a,b\x07");
    expect(shownOn({ ...env, PATH: "/nonexistent" })[1]).toBe("\x1b]9;bob: a,b\x07");
  });
});
