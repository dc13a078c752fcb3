import { expect, test } from "vitest";
import { canBuildNetworks } from "../support/capabilities.ts";
import { createInternet, type Host } from "./internet.ts";
import { FORWARDED_PORT, type NatKind, type Unsolicited } from "./router-rules.ts";

const CLOSED_PORT = 5000;
/** Nothing is heard of a packet that was dropped: this long is listened for it. */
const SILENCE_SECONDS = 3;

const ROUTERS: readonly { readonly kind: NatKind; readonly unsolicited: Unsolicited }[] = [
  { kind: "masq", unsolicited: "drop" },
  { kind: "masq", unsolicited: "refuse" },
  { kind: "fwd", unsolicited: "drop" },
  { kind: "fwd", unsolicited: "refuse" },
  { kind: "sym", unsolicited: "drop" },
  { kind: "sym", unsolicited: "refuse" },
];

/** What comes of a connection from there. */
function knock(from: Host, address: string, port: number): string {
  const connecting = `timeout ${SILENCE_SECONDS} bash -c '< /dev/tcp/${address}/${port}' 2>&1 || echo "ended with $?"`;
  const heard = from.run(connecting);
  if (heard.includes("refused")) return "refused";
  return heard.includes("ended with 124") ? "dropped" : "let in";
}

test.runIf(canBuildNetworks()).each(ROUTERS)(
  "a router of kind $kind does $unsolicited what nobody asked for, and lets in what it is to",
  async ({ kind, unsolicited }) => {
    await using internet = await createInternet();
    const router = await internet.addNat(kind, { unsolicited });
    const [inside, outside] = [await router.addHost(), await internet.addHost()];
    inside.start(["python3", "-m", "http.server", String(FORWARDED_PORT)]);
    await expect.poll(() => knock(inside, inside.address, FORWARDED_PORT)).toBe("let in");
    const closed = unsolicited === "drop" ? "dropped" : "refused";
    expect(knock(outside, router.address, CLOSED_PORT)).toBe(closed);
    expect(knock(outside, router.address, FORWARDED_PORT)).toBe(kind === "fwd" ? "let in" : closed);
  },
);
