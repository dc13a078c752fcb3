import { spawnSync } from "node:child_process";

/*
 * What only some machines can do. A test that needs it is skipped where it is missing, and says so: a silent skip reads
 * like a pass.
 */

function capability(name: string, command: string, args: readonly string[]): boolean {
  const { status, error } = spawnSync(command, args, { stdio: "ignore", timeout: 10_000 });
  const there = error === undefined && status === 0;
  if (!there) console.warn(`SKIPPING what needs ${name}: not possible on this machine`);
  return there;
}

/** A file system of our own in a mount namespace that ends with its process; runs `mount` in it. */
export const UNSHARE = ["--mount", "--map-root-user"] as const;

export function canMount(): boolean {
  return capability("a small tmpfs of its own", "unshare", [...UNSHARE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
}

/** A network of our own in a namespace that ends with its process. */
export const OWN_NETWORK = ["--net", "--map-root-user"] as const;

/** Packets of such a network can be dropped. */
export function canDropPackets(): boolean {
  const script = "ip link set lo up && nft add table inet faults";
  return capability("a network of its own and nftables", "unshare", [...OWN_NETWORK, "sh", "-c", script]);
}

/** Namespaces with cables between them, address translation, and a switch of ours in Python. */
export function canBuildNetworks(): boolean {
  const script = `ip link add wire0 type veth peer name wire1
    echo 1 > /proc/sys/net/ipv4/ip_forward
    nft 'table ip router { chain out { type nat hook postrouting priority srcnat; masquerade; }; }'
    setpriv --pdeathsig KILL true
    python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)'`;
  return capability("routers, address translation and python3", "unshare", [...OWN_NETWORK, "sh", "-ec", script]);
}

/** A router that opens ports: Debian's `miniupnpd-nftables`. */
export function canOpenPorts(): boolean {
  return capability("miniupnpd", "miniupnpd", ["--version"]);
}

/** Faults injected into system calls. */
export function canInjectFaults(): boolean {
  return capability("strace with fault injection", "strace", ["-f", "-e", "inject=fsync:error=EIO:when=9+", "true"]);
}

/** A pseudo-terminal, by util-linux's `script`. */
export function canOpenTerminals(): boolean {
  return capability("a pseudo-terminal", "script", ["--quiet", "--return", "--command", "true", "/dev/null"]);
}

/** Files of other users can be made. */
export function isRoot(): boolean {
  const root = process.geteuid?.() === 0;
  if (!root) console.warn("SKIPPING what needs root: files of another user cannot be made");
  return root;
}

/** Certificates can be made. */
export function hasOpenssl(): boolean {
  return capability("openssl", "openssl", ["version"]);
}

/** The linker fills in the architecture. The command `faketime` stumbles over what a killed process left of the same id. */
export const CLOCK_LIBRARY = "/usr/$LIB/faketime/libfaketimeMT.so.1";

/** Processes with a clock of their own, by Debian's `faketime`. */
export function canFakeClocks(): boolean {
  const year = `LD_PRELOAD='${CLOCK_LIBRARY}' FAKETIME=-9y date +%Y`;
  return capability("faketime", "sh", ["-c", `test "$(${year})" != "$(date +%Y)"`]);
}

/** Terminals whose screen can be read. */
export function hasTmux(): boolean {
  return capability("tmux", "tmux", ["-V"]);
}

/** Units can be checked without a systemd that runs. */
export function hasSystemdAnalyze(): boolean {
  return capability("systemd-analyze", "systemd-analyze", ["syscall-filter", "@system-service"]);
}
