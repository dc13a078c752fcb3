import { describe, expect, test } from "vitest";
import { SERVER_LIMITS } from "../../../naming-server/limits.ts";
import { JOSE_MEDIA_TYPE } from "../../../shared/protocol.ts";
import {
  call,
  putRecord,
  refusal,
  register,
  signIn,
  startTestServer,
  type TestServer,
} from "../../support/naming-server.ts";
import { addressRecordOf, type Person, personOf, recordOf, recordTextOf } from "../../support/people.ts";
import { startWatching } from "../../support/presence-watch.ts";

const alice = personOf("alice");
const bob = personOf("bob");

type Member = { readonly person: Person; readonly token: string };

let seq = 0;

/** Publishes for as long as a real device does, by the server's clock. */
async function comeOnline(server: TestServer, { person, token }: Member): Promise<void> {
  seq += 1;
  const body = await addressRecordOf(person, { seq, exp: Math.floor(server.clock.nowMs / 1000) + 55 });
  const path = `/v1/devices/${person.device}/addresses`;
  const { status, text } = await call(server, "PUT", path, { token, type: JOSE_MEDIA_TYPE, body });
  if (status !== 204) throw new Error(`${person.username} cannot publish: ${text}`);
}

async function goOffline(server: TestServer, { person, token }: Member): Promise<void> {
  await call(server, "DELETE", `/v1/devices/${person.device}/addresses`, { token });
}

async function join(server: TestServer, person: Person): Promise<Member> {
  await register(server, person);
  return { person, token: await signIn(server, person) };
}

async function start() {
  const server = await startTestServer();
  return { server, alice: await join(server, alice), bob: await join(server, bob) };
}

const listOf = (...people: Person[]) => ({
  event: "list",
  data: { online: people.map(({ username: name, device }) => ({ name, devices: [device] })) },
});
const changeOf = ({ username: name, device }: Person, online: boolean) => ({
  event: "changes",
  data: { changes: [{ name, device, online }] },
});

describe("the events of presence", () => {
  test("begin with a hint when to come again, and everybody who is online", async () => {
    const { server, ...members } = await start();
    await comeOnline(server, members.bob);
    const watching = await startWatching(server, members.alice.token);
    expect(await watching.next()).toMatchObject(listOf(bob));
    expect(watching.text()).toMatch(/^retry: 3000\n\n/);
    expect(Object.fromEntries(watching.headers)).toMatchObject({
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
      connection: "close",
    });
  });

  test("tell of each change at once, and of none where a device renews", async () => {
    const { server, ...members } = await start();
    const watching = await startWatching(server, members.alice.token);
    expect(await watching.next()).toMatchObject(listOf());
    await comeOnline(server, members.bob);
    expect(await watching.next()).toMatchObject(changeOf(bob, true));
    await comeOnline(server, members.bob);
    await goOffline(server, members.bob);
    expect(await watching.next()).toMatchObject(changeOf(bob, false));
  });

  test("tell that a device which crashed is gone within 60 seconds of its last word", async () => {
    const { server, ...members } = await start();
    await comeOnline(server, members.bob);
    const watching = await startWatching(server, members.alice.token);
    await watching.next();
    server.clock.nowMs += 55_000;
    expect(await watching.next()).toMatchObject(changeOf(bob, false));
    expect((await call(server, "GET", "/v1/presence", { token: members.alice.token })).json).toMatchObject({
      online: [],
    });
  });

  test("tell that a device is gone which its name no longer lists", async () => {
    const { server, ...members } = await start();
    await comeOnline(server, members.bob);
    const watching = await startWatching(server, members.alice.token);
    await watching.next();
    const moved = personOf("bob", { device: "another" });
    await putRecord(server, "bob", await recordTextOf(moved, { previous: await recordOf(bob) }));
    expect(await watching.next()).toMatchObject(changeOf(bob, false));
  });

  test("go on behind the last event that was read", async () => {
    const { server, ...members } = await start();
    const before = await startWatching(server, members.alice.token);
    const { id } = await before.next();
    before.close();
    const witness = await startWatching(server, members.bob.token);
    await witness.next();
    await comeOnline(server, members.bob);
    await witness.next();
    const again = await startWatching(server, members.alice.token, id);
    expect(await again.next()).toMatchObject(changeOf(bob, true));
  });

  test.each(["no id", "999999", "-1"])("begin with the whole list for one who read up to %s last", async (id) => {
    const { server, ...members } = await start();
    await comeOnline(server, members.bob);
    const watching = await startWatching(server, members.alice.token, id);
    expect(await watching.next()).toMatchObject(listOf(bob));
  });

  test("end with a farewell as the server stops, and go on at the next one", async () => {
    const { server, ...members } = await start();
    const watching = await startWatching(server, members.alice.token);
    const { id } = await watching.next();
    const startedAt = performance.now();
    await server.stop();
    expect(await watching.rest()).toMatchObject([{ event: "end", data: { reason: "stopping" } }]);
    expect(performance.now() - startedAt).toBeLessThan(SERVER_LIMITS.drainTimeoutMs);
    const { clock, databasePath } = server;
    const next = await startTestServer({ clock, databasePath });
    await comeOnline(next, members.bob);
    const again = await startWatching(next, members.alice.token, id);
    expect(await again.next()).toMatchObject(changeOf(bob, true));
  });

  test("tell what happens at another instance, and go on there", async () => {
    const { server, ...members } = await start();
    const { clock, databasePath } = server;
    const other = await startTestServer({ clock, databasePath });
    const [here, there] = [
      await startWatching(server, members.alice.token),
      await startWatching(other, members.bob.token),
    ];
    for (const one of [here, there]) expect(await one.next()).toMatchObject(listOf());
    await comeOnline(server, members.bob);
    for (const one of [here, there]) expect(await one.next()).toMatchObject(changeOf(bob, true));
    await comeOnline(other, members.alice);
    const [{ id }] = await Promise.all([here.next(), there.next()]);
    await goOffline(server, members.bob);
    expect(await there.next()).toMatchObject(changeOf(bob, false));
    const moved = await startWatching(other, members.alice.token, id);
    const { data } = await moved.next();
    expect(data).toMatchObject({ changes: expect.arrayContaining([{ ...changeOf(bob, false).data.changes[0] }]) });
  });

  test("need a token, and answer HEAD without a stream", async () => {
    const { server, ...members } = await start();
    expect(refusal(await call(server, "GET", "/v1/presence/events"))).toEqual({ status: 401, code: "TOKEN_MISSING" });
    const head = await call(server, "HEAD", "/v1/presence/events", { token: members.alice.token });
    expect([head.status, head.headers.get("content-type"), head.text]).toEqual([200, "text/event-stream", ""]);
  });

  test("reach 300 watchers while people come and go, and none misses any", { timeout: 60_000 }, async () => {
    const server = await startTestServer();
    const members = await Promise.all(
      Array.from({ length: 75 }, (_, index) => join(server, personOf(`member-${index}`))),
    );
    const watchings = await Promise.all(
      Array.from({ length: 300 }, (_, index) => startWatching(server, members[index % members.length]?.token ?? "")),
    );
    const movers = members.slice(0, 20);
    await Promise.all(
      movers.map(async (member, index) => {
        for (let turn = 0; turn < 3; turn += 1) {
          await comeOnline(server, member);
          await goOffline(server, member);
        }
        if (index % 2 === 0) await comeOnline(server, member);
      }),
    );
    const marker = await join(server, personOf("the-end"));
    await comeOnline(server, marker);
    const { json } = await call(server, "GET", "/v1/presence", { token: marker.token });
    for (const watching of watchings) {
      const online = new Map<string, string>();
      while (!online.has(marker.person.device)) follow(online, (await watching.next()).data);
      expect(online).toEqual(new Map(peopleIn(json)));
    }
  });
});

type Listed = { readonly online: readonly { readonly name: string; readonly devices: readonly string[] }[] };
type Changed = {
  readonly changes: readonly { readonly name: string; readonly device: string; readonly online: boolean }[];
};

const peopleIn = (list: unknown) =>
  (list as Listed).online.flatMap(({ name, devices }) => devices.map((device): [string, string] => [device, name]));

/** Takes an event into what was known before it. */
function follow(online: Map<string, string>, data: unknown): void {
  if ("online" in (data as object)) {
    online.clear();
    for (const [device, name] of peopleIn(data)) online.set(device, name);
    return;
  }
  for (const change of (data as Changed).changes) {
    if (change.online) online.set(change.device, change.name);
    else online.delete(change.device);
  }
}
