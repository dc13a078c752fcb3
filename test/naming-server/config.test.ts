import { describe, expect, test } from "vitest";
import { readCommand } from "../../naming-server/command-line.ts";
import { ALLOWANCES, RATE_LIMITS } from "../../naming-server/limits.ts";
import { expectError } from "../support/expect-error.ts";

const serve = (args: string[], env = {}) => {
  const command = readCommand(args, env);
  if (command.run !== "serve") throw new Error(`it would ${command.run}`);
  return command.config;
};

describe("the configuration", () => {
  test("has defaults for everything", () => {
    expect(serve([])).toEqual({
      host: "127.0.0.1",
      port: 8080,
      databaseUrl: "sqlite:./naming.db",
      publicUrl: undefined,
      tls: undefined,
      logLevel: "info",
      trustedProxies: undefined,
      rates: RATE_LIMITS,
      allowances: ALLOWANCES,
      registration: "open",
      relays: "open",
    });
  });

  test("multiplies every rate limit", () => {
    const { rates, allowances } = serve([], { RATE_LIMIT_FACTOR: "2.5" });
    const { lookup, log } = rates;
    expect(allowances.claim).toEqual({ burst: 15, everySeconds: 240 });
    expect(lookup.network).toEqual({
      burst: RATE_LIMITS.lookup.network.burst * 2.5,
      perSecond: RATE_LIMITS.lookup.network.perSecond * 2.5,
    });
    expect(log.caller).toBeUndefined();
  });

  test("comes from the environment, where empty counts as unset, and flags win", () => {
    const env = {
      HOST: "0.0.0.0",
      PORT: "1",
      DATABASE_URL: "sqlite:/a",
      LOG_LEVEL: "",
      PUBLIC_URL: "https://a.example/",
    };
    expect(serve(["--port", "2", "--public-url=https://b.example"], env)).toMatchObject({
      host: "0.0.0.0",
      port: 2,
      databaseUrl: "sqlite:/a",
      logLevel: "info",
      publicUrl: "https://b.example",
    });
  });

  test.each([
    ["https://names.example.org/", "https://names.example.org"],
    ["https://names.example.org:443", "https://names.example.org"],
    ["HTTP://Names.Example.ORG:8080/", "http://names.example.org:8080"],
    ["https://example.org/names/", "https://example.org/names"],
  ])("spells the public URL %s one way", (given, spelled) => {
    expect(serve([], { PUBLIC_URL: given }).publicUrl).toBe(spelled);
  });

  test.each([
    ["RELAYS", "some"],
    ["RELAYS", "12D3KooW"],
    ["PORT", "70000"],
    ["PORT", "-1"],
    ["PORT", "8080x"],
    ["DATABASE_URL", "naming.db"],
    ["DATABASE_URL", "sqlite:"],
    ["DATABASE_URL", "mysql://localhost/names"],
    ["PUBLIC_URL", "names.example.org"],
    ["PUBLIC_URL", "https://user:secret@names.example.org"],
    ["PUBLIC_URL", "https://names.example.org/?a=b"],
    ["PUBLIC_URL", "https://names.example.org/a+b"],
    ["LOG_LEVEL", "verbose"],
    ["RATE_LIMIT_FACTOR", "0"],
    ["RATE_LIMIT_FACTOR", "-1"],
    ["RATE_LIMIT_FACTOR", "1e9"],
    ["REGISTRATION", "maybe"],
    ["TRUST_PROXY", "true"],
    ["TRUST_PROXY", "0"],
    ["TRUST_PROXY", "11"],
    ["TRUST_PROXY", "10.0.0.0/33"],
    ["TRUST_PROXY", "10.0.0.0/0"],
    ["TRUST_PROXY", "10.0.0.0/8,all"],
    ["TRUST_PROXY", "::1/129"],
  ])("refuses %s=%s by name, in one line", async (name, value) => {
    const error = await expectError(() => readCommand([], { [name]: value }), "CONFIG_INVALID");
    expect(error.message).toContain(name);
    expect(error.message).not.toContain("\n");
    expect(error.message).not.toContain("secret");
  });
});
