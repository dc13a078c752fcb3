import { describe, expect, onTestFinished, test } from "vitest";
import { sealEnvelope } from "../../../shared/envelope.ts";
import { decodeFrame, encodeFrame, type Frame, type FrameBody } from "../../../shared/frames.ts";
import { HostileOpener } from "../../support/hostile-opener.ts";
import { keyOfSeed, type RawStream, startHostilePeer } from "../../support/hostile-peer.ts";
import { seedOf } from "../../support/messaging-peer.ts";
import { MessagingWorld } from "../../support/messaging-world.ts";
import { startTestNetwork } from "../../support/networks.ts";
import { personOf } from "../../support/people.ts";

/** Bob's program behind a real libp2p node, and Mallory's stream to it: her frames, real TCP. */
async function overTcp() {
  const world = new MessagingWorld();
  const bob = await world.start("bob");
  // the seed of his device key is the hash of this text
  const network = await startTestNetwork("bob device", { onChannel: (channel) => bob.delivery.serve(channel) });
  expect(network.device).toBe(bob.self.device);
  const mallory = personOf("mallory");
  await world.list(mallory);
  const frames = new HostileOpener(world, mallory, bob.person);
  const peer = await startHostilePeer({ key: await keyOfSeed(seedOf(mallory)) });
  onTestFinished(async () => {
    await bob.delivery.stop();
    await peer[Symbol.asyncDispose]();
    await network[Symbol.asyncDispose]();
  });
  const connection = await peer.dial(network.address);
  const open = () => peer.open(connection);
  return { bob, mallory, frames, open };
}

async function ask(stream: RawStream, ...bodies: (FrameBody | Uint8Array)[]): Promise<Frame | undefined> {
  for (const body of bodies) stream.writeFrame(body instanceof Uint8Array ? body : encodeFrame(body));
  const answer = await stream.readFrame();
  return answer && decodeFrame(answer);
}

const hello: FrameBody = { type: "hello", incarnation: new Uint8Array(16), stored: [] };

describe("over real TCP", () => {
  test("takes in a message in pieces of any size, and acknowledges it", async () => {
    const { bob, mallory, frames, open } = await overTcp();
    const stream = await open();
    expect(await ask(stream, hello)).toMatchObject({ type: "hello", stored: [] });
    expect(await ask(stream, await frames.makeWelcome())).toMatchObject({ type: "opened" });
    const sealed = sealEnvelope(frames.envelope(), mallory.deviceKey);
    const message = encodeFrame(await frames.frameOf(sealed));
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32BE(message.length);
    for (const byte of Buffer.concat([prefix, message])) stream.write(Uint8Array.of(byte));
    const answer = await stream.readFrame();
    expect(answer && decodeFrame(answer)).toMatchObject({ type: "ack", envelopeIds: [sealed.envelopeId] });
    expect(bob.inbox()).toEqual(["message 1"]);
  });

  test("ends a lane that speaks garbage, says why, and serves the next one", async () => {
    const { bob, open } = await overTcp();
    for (const garbage of [
      Uint8Array.of(1, 2, 3),
      new Uint8Array(60_000).fill(0x81),
      encodeFrame({ type: "ack", envelopeIds: [new Uint8Array(32)] }),
    ]) {
      const stream = await open();
      expect(await ask(stream, hello)).toMatchObject({ type: "hello" });
      expect(await ask(stream, garbage)).toMatchObject({ type: "refuse", subject: null, code: "FRAME_INVALID" });
      await stream.ended();
    }
    expect(await ask(await open(), hello)).toMatchObject({ type: "hello" });
    expect(bob.store.contacts.list()).toEqual([]);
  });

  test("stores nothing of a frame that is cut anywhere", async () => {
    const { bob, mallory, frames, open } = await overTcp();
    const stream = await open();
    await ask(stream, hello);
    await ask(stream, await frames.makeWelcome());
    const message = encodeFrame(await frames.frameOf(sealEnvelope(frames.envelope(), mallory.deviceKey)));
    for (const length of [0, 1, 100, message.length - 1]) {
      const cut = await open();
      await ask(cut, hello);
      cut.writeFrame(message.subarray(0, length), { length: message.length });
      await cut.finish();
      await cut.ended();
    }
    expect(bob.inbox()).toEqual([]);
    expect(await ask(stream, message)).toMatchObject({ type: "ack" });
    expect(bob.inbox()).toEqual(["message 1"]);
  });
});
