import { spawnSync } from "node:child_process";
import { existsSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sandbox } from "../../peer/sandbox.ts";
import { projectWithPackage } from "../support/installed-package.ts";
import { Program } from "../support/program.ts";
import { PROGRAMS, REPOSITORY } from "../support/programs.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const SCRIPT = `
import { type Peer, sandbox } from "p2pchat/sandbox";

const say = (type: string, fields: object = {}) => console.log(JSON.stringify({ type, ...fields }));

await using box = await sandbox({ peers: ["ann", "ben"] });
const ann: Peer = box.peer("ann");
const ben = box.peer("ben");
say("directory", { directory: box.directory, url: box.server.url });
await using chat = await ann.connect();
const sent = await chat.send({ to: "ben", text: "through the library" });
say("sent", { state: sent.state, heard: (await ben.nextMessage("through the library")).from });
box.cut("ann", "ben");
say("cut", { exit: (await ann.send("ben", "later", "--timeout", "1s")).exit });
box.heal("ann", "ben");
say("healed", { heard: (await ben.nextMessage("later")).from });
`;

describe("the fixture", () => {
  test("of the published package serves a script of another project, its types fit, and its command runs", async () => {
    const project = projectWithPackage();
    writeFileSync(join(project, "script.ts"), SCRIPT);
    const env = { PATH: process.env["PATH"] ?? "", HOME: project, TMPDIR: project };
    const script = new Program([process.execPath, "script.ts"], { directory: project, env });
    expect(await script.outcome(60_000)).toMatchObject({ code: 0, stderr: "" });
    const [{ directory }, ...rest] = script.seen as unknown as [{ directory: string }];
    expect(rest).toEqual([
      { type: "sent", state: "stored", heard: "ann" },
      { type: "cut", exit: 7 },
      { type: "healed", heard: "ann" },
    ]);
    expect(existsSync(directory)).toBe(false);

    symlinkSync(join(REPOSITORY, "node_modules/@types"), join(project, "node_modules/@types"));
    const options = "--noEmit --strict --module nodenext --target esnext --types node --exactOptionalPropertyTypes";
    const compiler = join(REPOSITORY, "node_modules/.bin/tsc");
    const types = () => spawnSync(compiler, [...options.split(" "), "script.ts"], { cwd: project, encoding: "utf8" });
    expect(types()).toMatchObject({ status: 0, stdout: "" });
    writeFileSync(join(project, "script.ts"), SCRIPT.replace('peers: ["ann"', 'pears: ["ann"'));
    expect(types().stdout).toContain("pears");

    const command = [process.execPath, join(project, "node_modules/p2pchat/peer/p2pchat.cjs"), "sandbox", "--json"];
    const program = new Program(command, { directory: project, env, stdin: "send alice bob hi\n" });
    expect(await program.outcome(60_000)).toMatchObject({ code: 0, stderr: "" });
    expect(program.seen.map(({ type }) => type)).toEqual(expect.arrayContaining(["sandbox", "sandbox-sent"]));
  });

  test("is gone when it is left, also by an error, and names what it does not know", async () => {
    const places: string[] = [];
    const use = async () => {
      await using box = await sandbox({ peers: 1, env: { NODE_COMPILE_CACHE: PROGRAMS.codeCache } });
      places.push(box.directory);
      expect((await box.peer("alice").ask(["whoami"])).line).toMatchObject({ username: "alice" });
      await box.peer("alice").stop();
      await expect(box.peer("alice").stop()).rejects.toMatchObject({ code: "USAGE" });
      for (const name of ["bob", "server"]) expect(() => box.peer(name)).toThrow(/bob|server/);
      throw new Error("the test itself fails");
    };
    await expect(use()).rejects.toThrow("the test itself fails");
    expect(places.map((place) => existsSync(place))).toEqual([false]);
  });

  test("ends what it started where something does not start", async () => {
    const directory = join(temporaryDirectory(), "box");
    const options = { peers: 1, directory, env: { NODE_OPTIONS: "--no-such-option" } };
    await expect(sandbox(options)).rejects.toMatchObject({
      code: "INTERNAL",
      message: expect.stringContaining("ended without printing it"),
    });
  });
});
