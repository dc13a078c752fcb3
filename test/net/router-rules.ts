/**
 * What a router does with connections from its network: `masq` keeps their port where it can, `sym` gives each another
 * port, `fwd` keeps it too and lets one port in, to the first machine.
 */
export type NatKind = "masq" | "sym" | "fwd";

/** What a router does with packets that nobody inside asked for. */
export type Unsolicited = "drop" | "refuse";

/** The port that a router of kind `fwd` lets in. */
export const FORWARDED_PORT = 4001;

/** Rules of nftables; `lan`: the network inside, without the last number of its addresses. */
export function routerRules(kind: NatKind, unsolicited: Unsolicited, lan: string): string {
  const verdict = unsolicited === "drop" ? "drop" : "meta l4proto tcp reject with tcp reset";
  const forward = kind === "fwd" ? `iifname net0 tcp dport ${FORWARDED_PORT} dnat to ${lan}2` : "";
  return `
    table ip router {
      chain out {
        type nat hook postrouting priority srcnat;
        oifname net0 masquerade ${kind === "sym" ? "fully-random" : ""}
      }
      chain in {
        type nat hook prerouting priority dstnat;
        ${forward}
      }
      chain own {
        type filter hook input priority filter;
        iifname net0 ct state established,related accept
        iifname net0 ${verdict}
      }
      chain through {
        type filter hook forward priority filter;
        iifname lan0 accept
        ct state established,related accept
        ct status dnat accept
        ${verdict}
      }
    }`;
}

/** Rules for a machine without a router that talks to some ports only, and lets nobody in. */
export function firewallRules(ports: readonly number[]): string {
  return `
    table inet firewall {
      chain in {
        type filter hook input priority filter;
        iifname net0 meta l4proto tcp ct state new drop
      }
      chain out {
        type filter hook output priority filter;
        oifname net0 meta l4proto tcp tcp dport != { ${ports.join(", ")} } drop
      }
    }`;
}

/**
 * Starts a program that opens ports for that network. Its chains are beside those of the router; what it cannot write, its
 * process id, it does without.
 */
export function portOpener(lan: string): readonly string[] {
  return [
    "bash",
    "-ec",
    `nft 'table inet upnp {
    chain through { type filter hook forward priority filter; }
    chain in { type nat hook prerouting priority dstnat; }
    chain out { type nat hook postrouting priority srcnat; }
  }'
  exec miniupnpd -d -f /dev/fd/3 -P /nonexistent/pid 2> /dev/null 3<<'END'
ext_ifname=net0
listening_ip=lan0
enable_natpmp=no
enable_upnp=yes
secure_mode=yes
uuid=00000000-0000-4000-8000-000000000001
upnp_table_name=upnp
upnp_nat_table_name=upnp
upnp_forward_chain=through
upnp_nat_chain=in
upnp_nat_postrouting_chain=out
allow 1024-65535 ${lan}0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
END
`,
  ];
}
