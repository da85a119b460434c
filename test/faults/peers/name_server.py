"""A real name server (nsd) on a loopback port, and somebody in front of it who delays, swallows and counts questions."""

import asyncio
import collections
import contextlib
import pathlib

from support import scratch
from support.ports import LOOPBACK, free_port
from support.process import Process

CONFIGURATION = """\
server:
  ip-address: {address}@{port}
  username: ""
  zonesdir: "{home}"
  database: ""
  pidfile: ""
  xfrdfile: ""
  xfrdir: "{home}"
  zonelistfile: "{home}/zone.list"
  server-count: 1
  do-ip6: no
  verbosity: 1
remote-control:
  control-enable: no
"""
ZONE = 'zone:\n  name: "{name}"\n  zonefile: "{name}.zone"\n'
HEAD = "$TTL 300\n@ IN SOA ns.test. root.test. 1 3600 600 86400 {minimum}\n@ IN NS ns.test.\n"


@contextlib.contextmanager
def nsd(home: pathlib.Path, zones: dict[str, str], minimum_s: int = 300):
    """zones: by name, the records; what cannot be read is a zone that is not loaded. Yields the port."""
    port = free_port()
    place = scratch.subdirectory(home, "nsd")
    for name, records in zones.items():
        scratch.write(place / f"{name}.zone", HEAD.format(minimum=minimum_s) + records + "\n")
    text = CONFIGURATION.format(address=LOOPBACK, port=port, home=place)
    configuration = scratch.write(place / "nsd.conf", text + "".join(ZONE.format(name=name) for name in zones))
    with Process("nsd", ["nsd", "-d", "-c", configuration], home / "nsd.log") as process:
        process.ready_when_logged("nsd started")
        process.ready_when_port_accepts(port)
        yield port


class Forwarder(asyncio.DatagramProtocol):
    """What comes by UDP goes to the server behind, unless its name is one of `swallowed`, and after `delay_s`."""

    def __init__(self, to_port: int, delay_s: float = 0):
        self.delay_s = delay_s
        self.swallowed: set[str] = set()
        self.asked: collections.Counter[str] = collections.Counter()
        self.most_at_once = 0
        self.port = 0
        self._to = (LOOPBACK, to_port)
        self._waiting: dict[tuple, asyncio.Future] = {}
        self._tasks: set[asyncio.Task] = set()

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        self._front, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(LOOPBACK, 0))
        self.port = self._front.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *_):
        for task in self._tasks:
            task.cancel()
        self._front.close()

    def datagram_received(self, packet: bytes, sender):
        self.asked[name_of(packet)] += 1
        if name_of(packet) not in self.swallowed:
            task = asyncio.get_running_loop().create_task(self._relay(packet, sender))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            self.most_at_once = max(self.most_at_once, len(self._tasks))

    async def _relay(self, packet: bytes, sender):
        await asyncio.sleep(self.delay_s)
        behind, answer = await asyncio.get_running_loop().create_datagram_endpoint(Answer, remote_addr=self._to)
        behind.sendto(packet)
        try:
            self._front.sendto(await answer.packet, sender)
        finally:
            behind.close()


class Answer(asyncio.DatagramProtocol):
    def __init__(self):
        self.packet = asyncio.get_running_loop().create_future()

    def datagram_received(self, packet: bytes, _sender):
        if not self.packet.done():
            self.packet.set_result(packet)


def name_of(packet: bytes) -> str:
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode())
        at += 1 + packet[at]
    return ".".join(labels)


def name_for(address: str, service: str) -> str:
    return ".".join([*reversed(address.split(".")), service])
