"""The HTTP side: what is answered, what clients cannot do to it, and what a reload does."""

import asyncio
import socket
import time
import unittest

import scrape
from peers import daemon
from peers.child import Child
from peers.mta import one_mail
from support import ports, scratch, watchdog

MOST_VISITS = 16


def at(port: int, host: str = "127.0.0.1") -> str:
    return f'metrics.connection_spec = "inet:{port}@{host}"\n'


class Http(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        home = self.enterContext(scratch.scratch_directory("http"))
        self.child = await self.enterAsyncContext(Child("one", f"unix:{home}/one.sock"))
        self.port = ports.free_port()
        self.daemon = await self.enterAsyncContext(daemon.running(home, [self.child], None, at(self.port)))

    async def test_answers(self):
        status, headers, text = await scrape.get(self.port)
        self.assertEqual((status, headers["connection"]), (200, "close"))
        status, head, nothing = await scrape.get(self.port, method="HEAD")
        self.assertEqual((status, nothing), (200, ""))
        self.assertEqual(head["content-type"], headers["content-type"])
        self.assertGreater(int(head["content-length"]), len(text) // 2)
        self.assertEqual((await scrape.get(self.port, "/metrics?x=1"))[0], 200)
        status, headers, text = await scrape.get(self.port, "/")
        self.assertEqual((status, headers["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertIn('<a href="/metrics">', text)
        self.assertEqual((await scrape.get(self.port, "/nothing"))[0], 404)
        status, headers, _ = await scrape.request(self.port, "POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")
        self.assertEqual((status, headers["allow"]), (405, "GET, HEAD"))
        self.assertEqual((await scrape.request(self.port, "\0\1\2\r\n\r\n"))[0], 400)
        self.assertEqual((await scrape.request(self.port, "GET /metrics HTTP/1.0\r\n\r\n"))[0], 200)

    async def test_a_header_of_1_mb_is_refused(self):
        status, _, _ = await scrape.request(self.port, b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 1024 * 1024 + b"\r\n\r\n")
        self.assertEqual(status, 431)
        self.assertEqual((await scrape.get(self.port))[0], 200)

    async def test_clients_that_say_nothing_keep_nobody_out_and_are_closed_in_time(self):
        before = self.daemon.descriptors()
        begun = time.monotonic()
        silent = [await asyncio.open_connection("127.0.0.1", self.port) for _ in range(100)]
        for reader, writer in silent:
            writer.write(b"GET /metrics HTTP/1.1\r\nX: ")  # and never more
        self.assertEqual((await scrape.get(self.port))[0], 200)
        self.assertLess(time.monotonic() - begun, 5 * scrape.peers.SLOWNESS)
        self.assertLessEqual(self.daemon.descriptors(), before + MOST_VISITS)
        self.assertEqual((await one_mail(self.daemon.endpoint)).decision, b"c")
        for reader, writer in silent:
            try:
                self.assertEqual(await asyncio.wait_for(reader.read(), scrape.peers.PATIENCE_S), b"")
            except ConnectionError:
                pass  # closed before it was read what it said
            writer.close()
        self.assertEqual((await scrape.get(self.port))[0], 200)
        await self.daemon.settled_descriptors(before)

    async def test_a_reload_moves_it_and_switches_it_off_and_on(self):
        other = ports.free_port()
        await self.daemon.reload([self.child], None, at(other))
        self.assertEqual((await scrape.get(other))[0], 200)
        await self.is_closed(self.port)
        await self.daemon.reload([self.child])
        await self.is_closed(other)
        await self.daemon.reload([self.child], None, at(self.port))
        now = await scrape.scrape(self.port)
        self.assertEqual(now.value("reloads_total", result="success"), 3)

    async def is_closed(self, port: int):
        for _ in range(1000):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                return
            writer.close()
            await asyncio.sleep(0.01)
        self.fail("somebody still listens there")

    async def test_an_address_that_is_in_use_changes_nothing(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            await self.daemon.reload([self.child], None, at(taken.getsockname()[1]), expect="reload_failed")
        self.assertEqual((await scrape.get(self.port))[0], 200)

    async def test_an_address_that_others_can_reach_is_warned_of(self):
        self.assertEqual(self.daemon.events("metrics_public"), [])
        await self.daemon.reload([self.child], None, at(ports.free_port(), "0.0.0.0"))
        (event,) = self.daemon.events("metrics_public")
        self.assertEqual(event.level, "warning")


if __name__ == "__main__":
    watchdog.start()
    unittest.main()
