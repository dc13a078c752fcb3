import { expect, test } from "vitest";
import { canDropPackets, OWN_NETWORK } from "../../../support/capabilities.ts";
import { runScript } from "../../../support/child-process.ts";

const INTERFACE =
  "ip link set lo up && ip link add lan0 type veth peer name lan1 && ip link set lan1 up && ip address add 192.168.77.1/24 dev lan0 && " +
  'ip link set lan0 up multicast on && ip route add default dev lan0 && exec "$@"';

test.runIf(canDropPackets())(
  "contacts on one network find each other without an address, and no stranger",
  async () => {
    const wrapper = ["unshare", ...OWN_NETWORK, "sh", "-c", INTERFACE, "sh"];
    expect(await runScript(new URL("lan-script.ts", import.meta.url), [], wrapper)).toEqual({
      path: "direct",
      foundBob: true,
      foundByCarol: 0,
      foundCarol: 0,
      carol: "PEER_UNREACHABLE",
    });
  },
);
