import { expect, test } from "vitest";
import { aliceAndBob } from "../support/p2pchat.ts";

const readLogs = (stderr: string) =>
  stderr
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test("--verbose tells on stderr what goes on, in JSON that names nobody, and changes nothing else", async () => {
  const { alice } = await aliceAndBob();
  const plain = await alice.run(["send", "bob", "hi", "--json"]);
  const { code, lines, stderr } = await alice.run(["send", "bob", "canary", "--json", "--verbose"]);
  expect({ code, stderr: plain.stderr, printed: lines.length }).toEqual({ code: 0, stderr: "", printed: 1 });
  const [sent] = lines;
  const logs = readLogs(stderr);
  expect(logs).toContainEqual(expect.objectContaining({ level: "debug", message: "opened", mode: "oneshot" }));
  expect(logs).toContainEqual(expect.objectContaining({ message: "outbox", id: sent?.id, state: "stored" }));
  expect(logs.at(-1)).toMatchObject({ message: "closed" });
  expect(stderr).not.toMatch(/canary|alice|bob|12D3Koo/);
});
