import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hashOfInvite } from "../../naming-server/admission.ts";
import { openSqliteStore } from "../../naming-server/storage/sqlite-store.ts";
import { canOpenTerminals } from "../support/capabilities.ts";
import { dialogue } from "../support/dialogue.ts";
import { startWorld } from "../support/p2pchat.ts";
import { PROGRAMS } from "../support/programs.ts";

const P2PCHAT = `${process.execPath} ${PROGRAMS.p2pchat}`;

describe.runIf(canOpenTerminals())("a first start on a terminal", () => {
  test("asks again what was answered wrongly, and leaves a sealed profile that works", async () => {
    const world = await startWorld();
    await world.register("alice", "--no-passphrase");
    const person = world.person("first");
    const { seen, status } = await dialogue(person, `${P2PCHAT} init`, [
      ["Naming server: ", "\n"],
      ["Naming server: ", "carol\n"],
      ['"carol" is no server', ""],
      ["Naming server: ", "http://127.0.0.1:9\n"],
      ["Naming server: ", `${world.url}\n`],
      ["Name: ", "Not A Name\n"],
      ["Name: ", "alice\n"],
      ["Seal them? [Y/n] ", "\n"],
      ["online? [Y/n] ", "n\n"],
      ["New passphrase: ", "correct horse\n"],
      ["The same again: ", "correct hose\n"],
      ["differ", ""],
      ["New passphrase: ", "correct horse\n"],
      ["The same again: ", "correct horse\n"],
      ["Name: ", "carol\n"],
      ["What to do next:", ""],
    ]);
    expect(status).toBe(0);
    expect(seen).toContain("cannot be reached");
    expect(seen).toContain("3 to 32 characters");
    expect(seen).not.toContain("correct horse");
    expect(seen).toMatch(/registered carol at http.+\r\nfingerprint [0-9a-f]{4} /);
    expect(JSON.parse(readFileSync(join(person.profile, "profile.json"), "utf8"))).toMatchObject({
      username: "carol",
      hidden: true,
    });
    const file = join(world.directory, "passphrase");
    writeFileSync(file, "correct horse\n", { mode: 0o600 });
    const answer = await person.ask(["whoami", "--passphrase-file", file]);
    expect(answer).toMatchObject({ exit: 0, line: { username: "carol", server: world.url } });
    const again = await dialogue(person, `${P2PCHAT} init`, [["has a name already", ""]]);
    expect(again.status).toBe(1);
  });

  test("asks for the invite code that a server wants, and leaves keys unsealed only after a warning", async () => {
    const world = await startWorld({ registration: "invite" });
    const store = openSqliteStore(world.databasePath);
    await store.addInvite({ hash: hashOfInvite("good-code"), uses: 1, expires: Math.floor(Date.now() / 1000) + 600 });
    await store.close();
    const person = world.person("first");
    const { seen, status } = await dialogue(person, `${P2PCHAT} init --server ${world.url}`, [
      ["Name: ", "carol\n"],
      ["Seal them? [Y/n] ", "n\n"],
      ["can read your messages", ""],
      ["unsealed? [y/N] ", "yes\n"],
      ["online? [Y/n] ", "y\n"],
      ["Invite code: ", "not a code\n"],
      ["Invite code: ", "wrong\n"],
      ["Invite code: ", "good-code\n"],
    ]);
    expect(status).toBe(0);
    expect(seen).toContain(`Naming server: ${world.url}\r\n`);
    expect(await person.ask(["whoami"])).toMatchObject({ exit: 0, line: { username: "carol", server: world.url } });
  });

  test("asks for a server where the one that was set does not answer, and tries that again on Enter", async () => {
    const world = await startWorld();
    const person = world.person("first");
    const { seen, status } = await dialogue(person, `P2PCHAT_SERVER=http://127.0.0.1:9 ${P2PCHAT} init`, [
      ["Naming server: http://127.0.0.1:9", ""],
      ["cannot be reached", ""],
      ["Naming server [http://127.0.0.1:9]: ", "\n"],
      ["cannot be reached", ""],
      ["Naming server [http://127.0.0.1:9]: ", `${world.url}\n`],
      ["Name: ", "carol\n"],
      ["Seal them? [Y/n] ", "n\n"],
      ["unsealed? [y/N] ", "yes\n"],
      ["online? [Y/n] ", "y\n"],
    ]);
    expect(status).toBe(0);
    expect(seen).toContain(`registered carol at ${world.url}`);
  });

  test("that is given up leaves no profile", async () => {
    const world = await startWorld();
    const person = world.person("first");
    const { status } = await dialogue(person, `${P2PCHAT} init --server ${world.url}`, [["Name: ", "\x04"]]);
    expect(status).toBe(130);
    expect(existsSync(person.profile)).toBe(false);
  });
});

test("without a terminal it names the command for scripts", async () => {
  const world = await startWorld();
  const { exit, line } = await world.person("first").ask(["init"]);
  expect({ exit, code: line.code }).toEqual({ exit: 1, code: "USAGE" });
  expect(line["message"]).toContain("p2pchat register <username> --server URL");
});

test.each([["whoami"], ["send bob hi"], ["listen"], ["contacts"], ["history bob"], ["status"], ["key"]])(
  "%s before the first start says the one command to run",
  async (command) => {
    const world = await startWorld();
    const { code, stderr } = await world.person("first").run(command.split(" "));
    expect(code).toBe(1);
    expect(stderr).toContain("Run p2pchat init");
  },
);
