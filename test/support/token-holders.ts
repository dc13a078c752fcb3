import type { Entry } from "../../peer/messaging/operations/tokens.ts";
import type { Operations } from "../../peer/messaging/operations.ts";
import type { MessagingPeer } from "./messaging-peer.ts";
import { MessagingWorld } from "./messaging-world.ts";

export const NOW = { wait: "queued", timeoutMs: 0 } as const;

export async function acquainted() {
  const world = new MessagingWorld();
  const { alice, bob } = await world.acquainted();
  return { world, alice, bob };
}

export type Wish = Partial<Parameters<Operations["tokenCreate"]>[0]>;

export async function enterAs(peer: MessagingPeer, wish: Wish): Promise<Entry & { readonly secret: string }> {
  const { token: secret } = await peer.operations.tokenCreate({ can: ["send:bob"], ...wish });
  return { ...peer.access.authenticate(secret), secret };
}

export async function outcomes(peer: MessagingPeer): Promise<string[]> {
  const { entries } = await peer.operations.tokenLog({});
  return entries.map(({ token, method, person, outcome }) =>
    [token?.name ?? "nobody", method, person ?? "-", outcome].join(" "),
  );
}
