import { describe, expect, test } from "vitest";
import { isMeetable, MeetingPoints, meetingPoint } from "../../../../peer/network/punching/meeting-points.ts";

const v4 = { host: "52.10.0.1", port: 4001 };
const moved = { host: "52.10.0.1", port: 40_001 };
const v6 = { host: "2a10:52::1", port: 4001 };
const theirs4 = { host: "52.10.0.2", port: 4002 };
const theirs6 = { host: "2a10:52::2", port: 4002 };

describe("where a device can be met", () => {
  test("is what its relays agree on, for each IP version", () => {
    const points = new MeetingPoints();
    points.add("a", v4);
    points.add("b", v4);
    points.add("c", v6);
    expect(points.own()).toEqual([v4, v6]);
  });

  test("is nowhere while two relays see different ports", () => {
    const points = new MeetingPoints();
    points.add("a", v4);
    points.add("b", moved);
    points.add("c", v6);
    expect(points.own()).toEqual([v6]);
    points.remove("a");
    expect(points.own()).toEqual([moved, v6]);
  });

  test("is forgotten with the connection that showed it", () => {
    const points = new MeetingPoints();
    points.add("a", v4);
    points.remove("a");
    expect(points.own()).toEqual([]);
  });
});

describe("two devices meet", () => {
  test("over IPv6 where both can", () => {
    expect(meetingPoint([v4, v6], [theirs4, theirs6])).toEqual(theirs6);
  });

  test("over what both have", () => {
    expect(meetingPoint([v4], [theirs4, theirs6])).toEqual(theirs4);
    expect(meetingPoint([v6], [theirs4, theirs6])).toEqual(theirs6);
  });

  test("nowhere where they have nothing in common", () => {
    expect(meetingPoint([v4], [theirs6])).toBeUndefined();
    expect(meetingPoint([], [theirs4])).toBeUndefined();
    expect(meetingPoint([v4], [])).toBeUndefined();
  });
});

describe("where somebody else says", () => {
  test.each([
    ["8.8.8.8", 4001, true, true],
    ["2a00:1450:4001::1", 1024, true, true],
    ["8.8.8.8", 1023, false, false],
    ["8.8.8.8", 443, false, false],
    ["8.8.8.8", 22, false, false],
    ["127.0.0.1", 4001, false, true],
    ["192.168.1.1", 4001, false, true],
    ["192.168.1.1", 80, false, false],
    ["169.254.169.254", 8000, false, false],
    ["224.0.0.1", 4001, false, false],
    ["::ffff:192.168.1.1", 4001, false, true],
    ["64:ff9b::c0a8:101", 4001, false, false],
    ["example.org", 4001, false, false],
  ])("%s port %d is gone to: %j, with local addresses allowed: %j", (host, port, anywhere, locally) => {
    expect([isMeetable({ host, port }, false), isMeetable({ host, port }, true)]).toEqual([anywhere, locally]);
  });
});
