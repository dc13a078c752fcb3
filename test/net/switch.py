"""An Ethernet switch in user space that delays and loses frames, for kernels without netem.

Runs in the namespace that holds one end of every cable. Reads commands on standard input, one a line:
`plug <interface>`, `unplug <interface>`, `mute <interface>` (what comes from there is lost until it is plugged in again),
`deafen <interface>` (what goes there is), `delay <milliseconds>`, `loss <percent>`; answers each with `ok`. Ends with its input.
"""

import heapq
import random
import selectors
import socket
import sys
import time

SOL_PACKET = 263
PACKET_IGNORE_OUTGOING = 23
PACKET_VNET_HDR = 15
VNET_HEADER = 10  # bytes before each frame: checksums and segments that the sender left to do
ALL_FRAMES = 3
ROOM = 1 << 17

ports = {}
muted = set()
deaf = set()
addresses = {}
queue = []
conditions = {"delay": 0.0, "loss": 0.0}
selector = selectors.DefaultSelector()
numbers = iter(range(sys.maxsize))


def plug(name):
    muted.discard(name)
    deaf.discard(name)
    if name in ports:
        return
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_FRAMES))
    port.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    port.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    port.bind((name, ALL_FRAMES))
    port.setblocking(False)
    ports[name] = port
    selector.register(port, selectors.EVENT_READ, name)


def unplug(name):
    selector.unregister(ports[name])
    ports.pop(name).close()
    for address in [known for known, where in addresses.items() if where == name]:
        del addresses[address]


def take(name, port):
    while True:
        try:
            frame = port.recv(ROOM)
        except (BlockingIOError, OSError):
            return
        target, source = frame[VNET_HEADER:VNET_HEADER + 6], frame[VNET_HEADER + 6:VNET_HEADER + 12]
        addresses[source] = name
        if name in muted or random.random() * 100 < conditions["loss"]:
            continue
        known = addresses.get(target)
        targets = [known] if known is not None else [other for other in ports if other != name]
        if name in targets:
            continue
        heapq.heappush(queue, (time.monotonic() + conditions["delay"], next(numbers), targets, frame))


def deliver():
    now = time.monotonic()
    while queue and queue[0][0] <= now:
        _, _, targets, frame = heapq.heappop(queue)
        for name in targets:
            if name in ports and name not in deaf:
                try:
                    ports[name].send(frame)
                except OSError:
                    pass  # the cable is out, or its queue is full: a frame is lost


def obey(line):
    command, argument = line.split()
    if command == "plug":
        plug(argument)
    elif command == "unplug":
        unplug(argument)
    elif command == "mute":
        muted.add(argument)
    elif command == "deafen":
        deaf.add(argument)
    elif command == "delay":
        conditions["delay"] = float(argument) / 1000
    elif command == "loss":
        conditions["loss"] = float(argument)
    print("ok", flush=True)


def main():
    sys.stdin = open(0, "rb", buffering=0)
    selector.register(sys.stdin, selectors.EVENT_READ, None)
    unread = b""
    print("ok", flush=True)
    while True:
        wait = max(0, queue[0][0] - time.monotonic()) if queue else None
        for key, _ in selector.select(wait):
            if key.data is not None:
                take(key.data, key.fileobj)
                continue
            received = sys.stdin.read(4096)
            if not received:
                return
            *lines, unread = (unread + received).split(b"\n")
            for line in lines:
                obey(line.decode())
        deliver()


main()
