import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { readBatch } from "../../../../peer/cli/batch/batch-file.ts";
import { jsonSchemaOf, schemaFiles } from "../../../../peer/cli/schemas/json-schema.ts";
import { isOutputType, OUTPUT_TYPES } from "../../../../peer/cli/schemas/outputs.ts";
import { terminal } from "../../../support/fake-daemon.ts";
import { ALICE, AUDIT, BOB, MESSAGE } from "../../../support/fake-operations.ts";
import { complaintAbout } from "../../../support/printed.ts";

const ROOT = join(import.meta.dirname, "../../../..");
const COMMANDS = join(ROOT, "peer/cli");

const RESULT = {
  id: MESSAGE.id,
  to: "bob",
  state: "queued",
  devices: [{ device: "12D3KooWBob", state: "queued", path: null, error: "PEER_UNREACHABLE", reason: "dial" }],
};

const EXAMPLES: readonly object[] = [
  { v: 1, type: "whoami", ...ALICE },
  { v: 1, type: "contact", ...BOB },
  { v: 1, type: "key-audit", ...AUDIT },
  { v: 1, type: "message", ...MESSAGE, direction: "in" },
  { v: 1, type: "send", ...RESULT, line: 3 },
  { v: 1, type: "edit", ...RESULT },
  { v: 1, type: "edit", id: MESSAGE.id, from: "bob", receivedAt: MESSAGE.receivedAt, cursor: 8, text: "ho" },
  { v: 1, type: "error", code: "USAGE", message: "no", details: { line: 2 } },
];

/** As somebody who has only the published file. */
function published(type: string): z.ZodType {
  if (!isOutputType(type)) throw new Error(`no such type: ${type}`);
  return z.fromJSONSchema(JSON.parse(JSON.stringify(jsonSchemaOf(type))));
}

const typeOf = (example: object) => ("type" in example ? String(example.type) : "");

describe("the published schema", () => {
  test.each(EXAMPLES)("fits %j", (example) => {
    expect(complaintAbout({ ...example })).toBeUndefined();
    expect(published(typeOf(example)).safeParse(example).error).toBeUndefined();
  });

  test.each(EXAMPLES)(
    "allows members of later versions beside those of %j, where tests of this one do not",
    (example) => {
      const later = { ...example, later: true };
      expect(published(typeOf(example)).safeParse(later).error).toBeUndefined();
      expect(complaintAbout(later)).toBeDefined();
    },
  );

  test.each(EXAMPLES)("refuses %j of another version or type, and without any one member", (example) => {
    const schema = published(typeOf(example));
    const isOptional = new Set(["direction", "line", "details"]);
    for (const wrong of [{ v: 2 }, { type: "other" }])
      expect(schema.safeParse({ ...example, ...wrong }).success).toBe(false);
    for (const member of Object.keys(example).filter((name) => !isOptional.has(name))) {
      const { [member as keyof typeof example]: _, ...rest } = example;
      expect([member, schema.safeParse(rest).success]).toEqual([member, false]);
    }
  });

  test.each([
    [{ state: "read" }],
    [{ id: "7c0e" }],
    [{ to: 5 }],
    [{ devices: [{ device: "x", state: "queued" }] }],
    [{ line: 0 }],
  ])("of send refuses %j", (wrong) => {
    const line = { v: 1, type: "send", ...RESULT, ...wrong };
    expect(published("send").safeParse(line).success).toBe(false);
    expect(complaintAbout(line)).toContain("does not fit");
  });

  test("is there for every type that a command prints, and for no other", () => {
    const files = readdirSync(COMMANDS, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
    const sources = files
      // a conversation on the whole screen prints no JSON
      .filter((name) => !name.startsWith("schemas/") && !name.startsWith("chat/"))
      .map((name) => readFileSync(join(COMMANDS, name), "utf8"));
    const operations = readFileSync(join(ROOT, "peer/messaging/operations/feed.ts"), "utf8");
    const events = [...operations.matchAll(/readonly type: "([a-z-]+)"/g)].map(([, type]) => type);
    const results = sources.flatMap((text) =>
      [...text.matchAll(/(?<!with \{ )\btype: "([a-z-]+)"/g)].map(([, type]) => type),
    );
    // Printed for people only.
    const forPeople = new Set(["help", "contacts", "tokens", "token-uses", "lost", "string", "boolean"]);
    const printed = new Set([...events, ...results, "error"].filter((type) => !forPeople.has(type ?? "")));
    expect([...printed].toSorted()).toEqual(OUTPUT_TYPES.toSorted());
    expect([...schemaFiles().keys()]).toEqual(OUTPUT_TYPES.map((type) => `${type}.json`));
  });
});

describe("p2pchat schema", () => {
  test("lists the types, and prints the schema of one, without a profile", async () => {
    const { run } = terminal();
    expect((await run(["schema"])).stdout.trim().split("\n")).toEqual(OUTPUT_TYPES);
    const { stdout } = await run(["schema", "send"]);
    expect(JSON.parse(stdout)).toEqual(JSON.parse(JSON.stringify(jsonSchemaOf("send"))));
    const { lines } = await run(["schema", "send", "--json"]);
    expect(lines).toEqual([{ v: 1, type: "schema", of: "send", schema: JSON.parse(stdout) }]);
    expect(await run(["schema", "letter", "--json"])).toMatchObject({ code: 1, lines: [{ code: "USAGE" }] });
  });
});

test.each([
  ["edit", { text: "ho" }],
  ["delete", {}],
  ["reaction", { emoji: "👍" }],
])("%s says with `to` what a command came to, with `from` what somebody did, and never both", (type, said) => {
  const event = { v: 1, type, id: MESSAGE.id, from: "bob", receivedAt: MESSAGE.receivedAt, cursor: 8, ...said };
  for (const one of [event, { v: 1, type, ...RESULT }]) expect(complaintAbout(one)).toBeUndefined();
  const { from: _, ...nobody } = event;
  const { to: __, ...toNobody } = { v: 1, type, ...RESULT };
  for (const wrong of [{ ...RESULT, ...event }, { ...event, to: "bob" }, nobody, toNobody]) {
    expect(complaintAbout(wrong)).toBeDefined();
  }
});

test("the example of a batch in the documents is one", async () => {
  const text = readFileSync(join(ROOT, "docs/SCRIPTING.md"), "utf8");
  const [, example = ""] = /```ndjson\n([\s\S]*?)```/.exec(text) ?? [];
  const items = await readBatch("-", Readable.from([Buffer.from(example)]), new AbortController().signal);
  expect(items.map(({ to }) => to)).toEqual(["bob", "carol"]);
});

describe("every example of JSON in the documents fits its schema:", () => {
  const documents = [
    "README.md",
    ...readdirSync(join(ROOT, "docs"))
      .filter((name) => name.endsWith(".md"))
      .map((name) => `docs/${name}`),
  ];
  const examples = documents.flatMap((name) =>
    [...readFileSync(join(ROOT, name), "utf8").matchAll(/\{"v":1,"type".*$/gm)].map(([line]) => [name, line] as const),
  );

  test("there are some", () => {
    expect(examples.length).toBeGreaterThan(5);
  });

  test.each(examples)("%s: %s", (_name, line) => {
    expect(complaintAbout(JSON.parse(line))).toBeUndefined();
  });
});
