import type { Channel } from "../../peer/messaging/ports/transport.ts";
import { decodeFrame, encodeFrame, type Frame, type FrameBody } from "../../shared/frames.ts";
import type { MessagingWorld } from "./messaging-world.ts";
import type { Person } from "./people.ts";

/** Somebody who is reached like an honest device and answers whatever a test makes up, or nothing. */
export class HostileAnswerer {
  readonly person: Person;
  readonly taken: Frame[] = [];
  /** What to answer to a frame. */
  answer: (frame: Frame) => readonly FrameBody[];

  constructor(world: MessagingWorld, person: Person, answer: (frame: Frame) => readonly FrameBody[] = () => []) {
    this.person = person;
    this.answer = answer;
    world.network.attach(person.device, {
      onChannel: (channel) => void this.#serve(channel),
      onGossip() {},
      onConnected() {},
    });
  }

  async #serve(channel: Channel): Promise<void> {
    try {
      for await (const encoded of channel.receive()) {
        const frames = encoded.map(decodeFrame);
        this.taken.push(...frames);
        const answers = frames.flatMap((frame) => this.answer(frame)).map(encodeFrame);
        if (answers.length > 0) await channel.send(answers);
      }
    } catch {
      // the other side has had enough
    }
  }
}

export const hello: FrameBody = { type: "hello", incarnation: new Uint8Array(16), stored: [] };
