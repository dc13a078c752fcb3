import { readdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Links } from "../../../peer/sandbox/links.ts";
import { enterPlace } from "../../../peer/sandbox/place.ts";
import { Workshop } from "../../../peer/sandbox/workshop.ts";
import { FakeTime } from "../../support/fake-time.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const PROGRAMS = {
  p2pchat: "/nowhere/p2pchat",
  namingServer: "/nowhere/server",
  attendant: "file:///nowhere/attendant",
};

function openWorkshop(directory: string): Workshop {
  const links = new Links(() => workshop.review());
  const connect = () => expect.unreachable("nobody talks to a daemon");
  const runtime = new FakeTime().runtime("workshop");
  const place = enterPlace(directory);
  const parts = { programs: PROGRAMS, runtime, connect, options: {}, hasRelays: false };
  const workshop = new Workshop({ ...parts, place, links });
  onTestFinished(() => workshop[Symbol.asyncDispose]());
  return workshop;
}

test("keeps the port of its naming server for the next life of the directory", async () => {
  const directory = join(temporaryDirectory(), "lab");
  const urls: string[] = [];
  for (let life = 1; life <= 2; life += 1) {
    await using workshop = openWorkshop(directory);
    urls.push((await workshop.makeServer()).url);
  }
  expect(urls[1]).toBe(urls[0]);
  expect(readdirSync(directory)).toEqual(["sandbox.json", "tmp"]);
});

test("that closes while something is being made keeps nothing of it, and starts nothing any more", async () => {
  const workshop = openWorkshop(join(temporaryDirectory(), "lab"));
  const server = await workshop.makeServer();
  const bob = await workshop.makePeer("bob", server.url);
  const { port } = new URL(server.url);
  const making = workshop.makePeer("alice", server.url);
  making.catch(() => undefined);
  await workshop[Symbol.asyncDispose]();
  await expect(making).rejects.toMatchObject({ code: "USAGE", message: "the sandbox is over" });
  await expect(bob.register()).rejects.toMatchObject({ code: "USAGE" });
  await expect(bob.start()).rejects.toMatchObject({ code: "USAGE" });
  expect(bob.state).toBe("stopped");
  await expect(isFree(Number(port))).resolves.toBe(true);
});

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer()
    .once("error", () => resolve(false))
    .listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  return promise;
}
