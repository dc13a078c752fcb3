import { expect } from "vitest";
import type { FrameBody } from "../../shared/frames.ts";
import { databaseContent } from "./database-bytes.ts";
import { HostileOpener, refusals } from "./hostile-opener.ts";
import type { MessagingPeer } from "./messaging-peer.ts";
import { MessagingWorld } from "./messaging-world.ts";
import { personOf } from "./people.ts";

/** Bob's program, and Mallory, who is listed and has a session with it. */
export async function attacked(options: { listed?: boolean } = {}) {
  const world = new MessagingWorld();
  const bob = await world.start("bob", { keyPackages: 3 });
  const mallory = personOf("mallory");
  if (options.listed !== false) await world.list(mallory);
  const opener = new HostileOpener(world, mallory, bob.person);
  await opener.openLane();
  return { world, bob, mallory, opener };
}

/** Expects that this is refused so, that nothing of Bob's changed, and that an honest message still gets through. */
export async function expectRefused(
  { world, bob, opener }: { world: MessagingWorld; bob: MessagingPeer; opener: HostileOpener },
  frame: FrameBody,
  refusal: readonly (string | null)[],
) {
  const before = databaseContent(world.databaseOf(bob.person));
  const session = opener.session;
  expect(refusals(await opener.exchange(frame))).toEqual([refusal]);
  expect(databaseContent(world.databaseOf(bob.person))).toBe(before);
  opener.session = session;
}
