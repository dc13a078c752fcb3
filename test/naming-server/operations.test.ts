import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readCommand } from "../../naming-server/command-line.ts";
import { flagOf, SETTINGS } from "../../naming-server/config.ts";
import { ALLOWANCES, RATE_LIMITS, type RateClass } from "../../naming-server/limits.ts";
import { call, startTestServer } from "../support/naming-server.ts";

/* docs/OPERATIONS.md against the program: what it says exists, and what exists is there. */

const TEXT = readFileSync(new URL("../../docs/OPERATIONS.md", import.meta.url), "utf8");
const VARIABLES = SETTINGS.map(({ variable }) => variable);

function blockOf(language: string): string {
  const block = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "m").exec(TEXT)?.[1];
  if (block === undefined) throw new Error(`there is no block of ${language}`);
  return block;
}

/** The members of the first `environment:` in the Compose file; `${A:-b}` is b. */
function composeEnvironment(): Record<string, string> {
  const [, members = ""] = /^ {4}environment:\n((?: {6}\S.*\n)+)/m.exec(blockOf("yaml")) ?? [];
  const pairs = [...members.matchAll(/^ {6}(\w+): "?(.*?)"?$/gm)].map(([, name = "", value = ""]) => {
    return [name, value.replace(/\$\{\w+:-(.*)\}/, "$1")] as const;
  });
  return Object.fromEntries(pairs);
}

function unitEnvironment(): Record<string, string> {
  return Object.fromEntries(
    [...blockOf("ini").matchAll(/^Environment=(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
  );
}

/** Rows of the table below a heading that begin with a code or text cell. */
function rowsOf(heading: string): string[][] {
  const section = TEXT.slice(TEXT.indexOf(`\n## ${heading}\n`)).split("\n## ")[1] ?? "";
  return section
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

describe("what the operator reads", () => {
  test("lists every setting with its flag, and no other", () => {
    const listed = rowsOf("Start").flatMap(([variable = "", flag = ""]) =>
      variable.startsWith("`") ? [[variable, flag]] : [],
    );
    expect(listed).toEqual(VARIABLES.map((variable) => [`\`${variable}\``, `\`--${flagOf(variable)}\``]));
  });

  test("names no variable in capitals that the program does not read", () => {
    const named = [...TEXT.matchAll(/\b([A-Z]+(?:_[A-Z]+)+)\b(?==)/g)].map(([, name]) => name ?? "");
    expect(named.length).toBeGreaterThan(5);
    expect([...new Set(named)].filter((name) => !VARIABLES.includes(name))).toEqual([]);
  });

  test.each([
    ["the unit", unitEnvironment],
    ["the Compose file", composeEnvironment],
  ])("sets in %s what the program takes", (_where, read) => {
    const environment = read();
    expect(Object.keys(environment).length).toBeGreaterThanOrEqual(3);
    expect(Object.keys(environment).filter((name) => !VARIABLES.includes(name))).toEqual([]);
    expect(readCommand([], environment)).toMatchObject({
      run: "serve",
      config: { publicUrl: "https://names.example.org", trustedProxies: { hops: 1 } },
    });
  });

  test("keeps the database of the unit where the unit may write", () => {
    const unit = blockOf("ini");
    const [, directory] = /^StateDirectory=(.+)$/m.exec(unit) ?? [];
    expect(unitEnvironment()["DATABASE_URL"]).toMatch(new RegExp(`^sqlite:/var/lib/${directory}/`));
    for (const line of ["NoNewPrivileges=yes", "ProtectSystem=strict", "DynamicUser=yes", "CapabilityBoundingSet="]) {
      expect(unit.split("\n")).toContain(line);
    }
  });

  test("gives commands that the program takes", () => {
    const lines = TEXT.replaceAll(/ \\\n +/g, " ").matchAll(/^ {4}p2pchat-naming-server (.+)$/gm);
    const commands = [...lines].map(([, line = ""]) => line.split(" "));
    const run = commands.map((args) => readCommand(args, {}).run);
    expect(run).toEqual(expect.arrayContaining(["invite", "backup", "restore", "restored", "migrate-store"]));
  });

  test("trusts in examples whom the program can trust", () => {
    const examples = [...TEXT.matchAll(/TRUST_PROXY[=:] ?"?([\d./,]+)/g)].map(([, value = ""]) => value);
    expect(examples.length).toBeGreaterThanOrEqual(4);
    for (const value of examples) expect(readCommand([], { TRUST_PROXY: value }).run).toBe("serve");
  });

  test("states the limits that the program has", () => {
    const classes: Readonly<Record<string, RateClass>> = {
      "look-ups": "lookup",
      "presence, the list of relays": "presence",
      "the log": "log",
      "access tokens": "token",
      "addresses, mailboxes, key packages": "write",
      "claims of key packages": "claim",
      "name records": "registration",
      "relays that offer themselves": "relay",
      "everything else": "open",
    };
    const rate = (limit: { burst: number; perSecond: number } | undefined) =>
      limit === undefined ? "" : `${limit.perSecond}/s, ${limit.burst} at once`;
    const rows = rowsOf("Limits").filter(([name = ""]) => name in classes);
    expect(rows.map(([name = ""]) => classes[name]).sort()).toEqual(Object.keys(RATE_LIMITS).sort());
    for (const [name = "", network, caller] of rows) {
      const limits = RATE_LIMITS[classes[name] ?? "open"];
      expect([name, network, caller]).toEqual([name, rate(limits.network), rate(limits.caller)]);
    }
    const { registration, update, claim } = ALLOWANCES;
    expect(TEXT).toContain(`| ${Math.round(86_400 / registration.everySeconds)} a day |`);
    expect(registration.burst).toBe(86_400 / registration.everySeconds);
    expect([update, claim]).toEqual([
      { burst: 20, everySeconds: 3600 },
      { burst: 6, everySeconds: 600 },
    ]);
  });

  test("says of every metric what to watch for, and of no other", async () => {
    const { text } = await call(await startTestServer(), "GET", "/metrics");
    const there = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    const told = rowsOf("What to watch").flatMap(([names = ""]) =>
      [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name),
    );
    expect(told.sort()).toEqual(there.sort());
  });

  test("describes only paths that there are", async () => {
    const server = await startTestServer();
    const paths = new Set(
      [...TEXT.matchAll(/(?<=[`\s])(\/(?:metrics|healthz|readyz|\.well-known\/[\w.]+|v1\/[\w./-]+))/g)].map(
        ([, path]) => path ?? "",
      ),
    );
    expect(paths.size).toBeGreaterThanOrEqual(4);
    for (const path of paths) expect([path, (await call(server, "GET", path)).status]).toEqual([path, 200]);
  });
});
