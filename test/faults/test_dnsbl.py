"""Lists of the DNS (configuration 8.5) with a real name server: who is listed, what its failures cost, and whom they cost."""

import asyncio
import contextlib
import pathlib
import struct
import time
import unittest

import peers
from peers import daemon, wire
from peers.child import Child, Script
from peers.mta import HELO, Mta
from peers.name_server import Forwarder, name_for, nsd
from support import scratch, watchdog

SHIPPED = pathlib.Path(__file__).resolve().parents[2] / "conf" / "applicable-conditions" / "dnsbl.conf"
SHIPPED_SERVICES = ("zen.spamhaus.org", "dnsbl.sorbs.net", "bl.spamcop.net", "b.barracudacentral.org")
LISTED, OTHERWISE, MANY, ABSENT, EMPTY = (f"192.0.2.{n}" for n in (2, 5, 6, 1, 3))
TIMEOUT_S = 5  # of a list, as the language says
SHORT_S = 2  # holds only so long
ZONES = {
    "black.test": "\n".join([
        "2.2.0.192 IN A 127.0.0.2", "5.2.0.192 IN A 127.0.0.5", '3.2.0.192 IN TXT "nothing to see"',
        f"7.2.0.192 {SHORT_S} IN A 127.0.0.2", "*.1.0.10 IN A 127.0.0.2",
        # Too much for a packet of UDP; only the last one is what is expected.
        *(f"6.2.0.192 IN A 127.0.1.{n}" for n in range(50)), "6.2.0.192 IN A 127.0.0.2"]),
    "broken.test": "this is ( no record",
}
CONDITION = """\
manager.n_workers = {workers}
list = DNSBlocklist.new
{services}
list.name_servers = [{servers}]
define_applicable_condition("Listed") {{|condition| condition.apply_when(list) }}
"""


class Lists(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.home = self.enterContext(scratch.scratch_directory("dnsbl"))
        self.port = self.enterContext(nsd(self.home, self.zones()))

    async def asyncSetUp(self):
        self.child = await self.enterAsyncContext(
            Child("one", f"unix:{self.home}/one.sock", Script(edits=[wire.add_header(b"X-Seen", b"1")])))

    def zones(self) -> dict[str, str]:
        return ZONES

    @contextlib.asynccontextmanager
    async def manager(self, services: dict, ports: list[int], workers: int = 1):
        """services: domain -> expected answer or None."""
        lines = "\n".join(f"list.add_service({domain!r}, {expected!r})" if expected else f"list.add_service({domain!r})"
                          for domain, expected in services.items())
        servers = ", ".join(f"'127.0.0.1:{port}'" for port in ports)
        text = CONDITION.format(workers=workers, services=lines, servers=servers)
        async with self.manager_with(text, "Listed") as one:
            yield one

    @contextlib.asynccontextmanager
    async def manager_with(self, text: str, condition: str):
        patient = {"reading_timeout": peers.PATIENCE_S, "end_of_message_timeout": 2 * peers.PATIENCE_S,
                   "fallback_status": "temporary-failure", "applicable_conditions": [condition]}
        async with daemon.running(self.home, [self.child], {"": patient}, text) as one:
            yield one

    async def is_asked(self, at: daemon.Daemon, client: str) -> bool:
        """A session of one mail from there; whether the child has seen it. Left out alone, it is accepted at once."""
        before = len(self.child.conversations)
        async with Mta.connected(at.endpoint) as mta:
            await mta.offer()
            letter = await mta.ask(b"C", connect(client))
            if letter == b"c":
                await mta.ask(b"H", HELO)
                outcome = await mta.mail()
                self.assertEqual((outcome.decision, outcome.headers()), (b"c", [b"X-Seen"]))
            await mta.leave()
        self.assertIn(letter, b"ca")
        self.assertEqual(len(self.child.conversations) - before, int(letter == b"c"))
        return letter == b"c"

    def warnings(self, at: daemon.Daemon) -> list[dict[str, str]]:
        return [event.fields for event in at.events() if event.level in ("warning", "error", "critical")]


def connect(client: str) -> bytes:
    if ":" in client:
        return b"mail.example\0" + b"6" + struct.pack(">H", 25000) + client.encode() + b"\0"
    return b"mail.example\0" + b"4" + struct.pack(">H", 25000) + client.encode() + b"\0"


class WithARealServer(Lists):
    async def test_a_client_is_listed_or_not(self):
        async with self.manager({"black.test": None}, [self.port]) as manager:
            for client, listed in ((LISTED, True), (OTHERWISE, True), (ABSENT, False), (EMPTY, False),
                                   ("2001:db8::2", False), (LISTED, True)):
                with self.subTest(client=client):
                    self.assertEqual(await self.is_asked(manager, client), listed)
            self.assertEqual(self.warnings(manager), [])

    async def test_only_the_expected_answer_counts_also_when_it_takes_tcp_to_get_it(self):
        async with self.manager({"black.test": "127.0.0.2"}, [self.port]) as manager:
            for client, listed in ((LISTED, True), (OTHERWISE, False), (MANY, True)):
                with self.subTest(client=client):
                    self.assertEqual(await self.is_asked(manager, client), listed)
            self.assertEqual(self.warnings(manager), [])

    async def test_a_zone_that_did_not_load_lists_nobody_and_hides_nobody(self):
        async with self.manager({"broken.test": None, "black.test": None}, [self.port]) as manager:
            for client in ABSENT, EMPTY, "192.0.2.99":
                self.assertFalse(await self.is_asked(manager, client))
            self.assertEqual(self.warnings(manager), [
                {"service": "broken.test", "server": f"127.0.0.1:{self.port}",
                 "error": "DNS server returned general failure"}])
            self.assertTrue(await self.is_asked(manager, LISTED))

    async def test_the_next_server_is_asked_when_one_does_not_know_the_zone(self):
        (other_home := self.home / "other").mkdir()
        with nsd(other_home, {"white.test": ""}) as other:
            async with self.manager({"black.test": None}, [other, self.port]) as manager:
                self.assertTrue(await self.is_asked(manager, LISTED))
                self.assertEqual(self.warnings(manager), [])

    async def test_nobody_at_the_port_is_a_failure_at_once(self):
        async with Forwarder(self.port) as gone:
            port = gone.port
        async with self.manager({"black.test": None}, [port]) as manager:
            self.assertFalse(await self.is_asked(manager, LISTED))
            self.assertEqual([one["service"] for one in self.warnings(manager)], ["black.test"])


class WithTheShippedConditions(Lists):
    def zones(self) -> dict[str, str]:
        return {name: "" for name in SHIPPED_SERVICES} | {
            "zen.spamhaus.org": "1.2.0.192 IN A 127.0.0.11\n2.2.0.192 IN A 127.0.0.2",
            "bl.spamcop.net": "3.2.0.192 IN A 127.0.0.2"}

    async def check(self, condition: str, asked: list[bool]):
        text = f'load("{SHIPPED}")\ndnsbl.name_server = "127.0.0.1:{self.port}"\n'
        clients = [f"192.0.2.{n}" for n in (1, 2, 3, 4)]
        async with self.manager_with(text, condition) as manager:
            self.assertEqual([await self.is_asked(manager, client) for client in clients], asked)
            self.assertEqual(self.warnings(manager), [])

    async def test_a_milter_can_be_for_the_listed(self):
        await self.check("DNSBL Listed", [True, False, True, False])

    async def test_a_milter_can_be_for_the_others(self):
        await self.check("Not DNSBL Listed", [False, True, False, True])


class WithAServerThatIsSlow(Lists):
    async def test_silence_delays_the_session_that_asked_by_the_time_of_the_list_and_no_other(self):
        async with Forwarder(self.port) as forwarder:
            forwarder.swallowed = {name_for(LISTED, "black.test")}
            async with self.manager({"black.test": None}, [forwarder.port]) as manager:
                async with Mta.connected(manager.endpoint) as mta:
                    await mta.offer()
                    begun = time.monotonic()
                    waiting = asyncio.create_task(mta.ask(b"C", connect(LISTED)))
                    await manager.until(lambda: forwarder.asked[name_for(LISTED, "black.test")] > 0, "the question is out")
                    for _ in range(10):
                        self.assertTrue(await self.is_asked(manager, OTHERWISE))
                        self.assertFalse(await self.is_asked(manager, ABSENT))
                    self.assertFalse(waiting.done())
                    self.assertEqual(await waiting, b"a")
                    self.assertLess(time.monotonic() - begun, TIMEOUT_S + 2 * peers.SLOWNESS)
                    await mta.leave()
                self.assertEqual([one["service"] for one in self.warnings(manager)], ["black.test"])

    async def test_a_session_that_leaves_meanwhile_costs_nothing(self):
        async with Forwarder(self.port) as forwarder:
            forwarder.swallowed = {name_for(LISTED, "black.test")}
            async with self.manager({"black.test": None}, [forwarder.port]) as manager:
                idle = manager.descriptors()
                for _ in range(5):
                    async with Mta.connected(manager.endpoint) as mta:
                        await mta.offer()
                        mta.tell(b"C", connect(LISTED))
                        await mta.writer.drain()
                        await manager.until(lambda: forwarder.asked[name_for(LISTED, "black.test")] > 0, "it is out")
                # Two: the socket to the name server, as long as somebody is asked.
                await manager.settled_descriptors(idle + 2)
                self.assertTrue(await self.is_asked(manager, OTHERWISE))
                begun = time.monotonic()
                self.assertEqual(await manager.stop(), 0)
                self.assertLess(time.monotonic() - begun, 4 * peers.SLOWNESS)

    async def test_500_sessions_wait_at_the_same_time(self):
        delay_s, count = 1, 500
        async with Forwarder(self.port, delay_s) as forwarder:
            async with self.manager({"black.test": None}, [forwarder.port], workers=2) as manager:
                clients = [f"10.0.{1 + n % 2}.{n // 2}" for n in range(count)]  # every second one is listed
                async with contextlib.AsyncExitStack() as stack:
                    mtas = [await stack.enter_async_context(Mta.connected(manager.endpoint)) for _ in clients]
                    await asyncio.gather(*(mta.offer() for mta in mtas))
                    begun = time.monotonic()
                    said = await asyncio.gather(*(mta.ask(b"C", connect(client)) for mta, client in zip(mtas, clients)))
                    took_s = time.monotonic() - begun
                    self.assertEqual(said, [b"c", b"a"] * (count // 2))
                    await asyncio.gather(*(mta.leave() for mta in mtas))
                self.assertEqual(len(self.child.conversations), count // 2)
                self.assertEqual(set(forwarder.asked), {name_for(client, "black.test") for client in clients})
                # One after the other they would take 500 s, or 250 s on two threads.
                self.assertGreaterEqual(took_s, delay_s)
                self.assertLess(took_s, delay_s + 3 * peers.SLOWNESS)
                self.assertGreater(forwarder.most_at_once, count // 4)
                self.assertEqual(self.warnings(manager), [])


class WithAServerThatCounts(Lists):
    async def test_an_answer_is_kept_for_its_time_and_no_longer(self):
        client = "192.0.2.7"
        name = name_for(client, "black.test")
        async with Forwarder(self.port) as forwarder:
            async with self.manager({"black.test": None}, [forwarder.port]) as manager:
                asked_at = time.monotonic()
                self.assertTrue(await self.is_asked(manager, client))
                self.assertEqual(forwarder.asked[name], 1)
                sessions = 0
                while forwarder.asked[name] == 1:
                    self.assertLess(time.monotonic() - asked_at, SHORT_S + peers.PATIENCE_S)
                    self.assertTrue(await self.is_asked(manager, client))
                    sessions += 1
                self.assertGreaterEqual(time.monotonic() - asked_at, SHORT_S)
                self.assertGreater(sessions, 1)

    async def test_an_absence_is_kept_too(self):
        async with Forwarder(self.port) as forwarder:
            async with self.manager({"black.test": None}, [forwarder.port]) as manager:
                for _ in range(5):
                    self.assertFalse(await self.is_asked(manager, ABSENT))
                self.assertEqual(forwarder.asked, {name_for(ABSENT, "black.test"): 1})


if __name__ == "__main__":
    watchdog.start(int(165 * peers.SLOWNESS))
    unittest.main(verbosity=2)
