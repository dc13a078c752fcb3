import { expect } from "vitest";
import type { Frame } from "../../shared/frames.ts";
import type { MessagingPeer } from "./messaging-peer.ts";
import type { MessagingWorld } from "./messaging-world.ts";

/** Nothing left to do, nothing gone wrong. */
export function expectAtRest(...peers: MessagingPeer[]): void {
  for (const peer of peers) {
    expect(peer.outbox()).toEqual([]);
    expect(peer.failures).toEqual([]);
  }
}

/** What arrived from that peer, from the `since`th frame of all on. */
export function typesBetween(world: MessagingWorld, from: MessagingPeer, since = 0): Frame["type"][] {
  return world.network.arrived
    .slice(since)
    .flatMap(({ from: device, frame }) => (device === from.self.device && frame !== undefined ? [frame.type] : []));
}
