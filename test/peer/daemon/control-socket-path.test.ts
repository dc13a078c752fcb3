import { describe, expect, test } from "vitest";
import { controlSocketCandidates, controlSocketPlaces } from "../../../peer/daemon/control-socket-path.ts";

const RUNTIME = { XDG_RUNTIME_DIR: "/run/user/1000" };

describe("the control socket's place", () => {
  test("is the runtime directory, under a short name of the profile", () => {
    expect(controlSocketPlaces("/home/a/default", RUNTIME)[0]).toMatch(
      /^\/run\/user\/1000\/p2pchat\/[0-9a-f]{16}\.sock$/,
    );
  });

  test("is another one for another profile", () => {
    const [here] = controlSocketPlaces("/home/a/default", RUNTIME);
    expect(controlSocketPlaces("/home/a/work", RUNTIME)[0]).not.toBe(here);
    expect(controlSocketPlaces("/home/a/default", RUNTIME)[0]).toBe(here);
  });

  test.each([{}, { XDG_RUNTIME_DIR: "" }, { XDG_RUNTIME_DIR: "run" }])("is the profile itself with %j", (env) => {
    expect(controlSocketPlaces("/home/a/default", env)[0]).toBe("/home/a/default/control.sock");
  });

  test("never is a path that a socket cannot have", () => {
    const deep = `/${"d".repeat(200)}`;
    const places = controlSocketPlaces(deep, { XDG_RUNTIME_DIR: deep });
    expect(places).toHaveLength(1);
    expect(places[0]).toMatch(/^\/tmp\/p2pchat-.+\/[0-9a-f]{16}\.sock$/);
  });
});

test("a caller without the session's environment looks where the session's daemon is", () => {
  const [place = ""] = controlSocketPlaces("/home/a/default", { XDG_RUNTIME_DIR: `/run/user/${process.geteuid?.()}` });
  expect(controlSocketCandidates("/home/a/default", {})).toContain(place);
});
