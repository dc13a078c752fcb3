import { createSecureSessions } from "../../peer/sessions/secure-sessions.ts";
import type { Frame, FrameBody } from "../../shared/frames.ts";
import { HostileAnswerer, hello } from "./hostile-answerer.ts";
import { seedOf } from "./messaging-peer.ts";
import { MessagingWorld } from "./messaging-world.ts";
import { personOf } from "./people.ts";

/** Alice's program, and Mallory, whom she writes to. */
export async function facing(answer: (frame: Frame) => readonly FrameBody[]) {
  const world = new MessagingWorld();
  const alice = await world.start("alice");
  const mallory = personOf("mallory");
  await world.list(mallory);
  const sessions = createSecureSessions({
    device: mallory.device,
    deviceSeed: seedOf(mallory),
    now: () => Date.now(),
  });
  const packages = await Promise.all(Array.from({ length: 5 }, () => sessions.createKeyPackage({ lastResort: false })));
  world.directory.leave(
    mallory.device,
    packages.map(({ publicPackage }) => publicPackage),
  );
  const answerer = new HostileAnswerer(world, mallory, (frame) => (frame.type === "hello" ? [hello] : answer(frame)));
  return { world, alice, mallory, answerer };
}

export const ackOf = (frame: Frame): FrameBody[] =>
  frame.type === "message" ? [{ type: "ack", envelopeIds: [frame.envelopeId] }] : [];
