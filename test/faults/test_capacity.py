"""More clients than may be served: they wait, nobody is refused, and the log has one line for it and one for its end."""

import asyncio
import os
import subprocess
import unittest

import peers
from peers import daemon, wire
from peers.child import Child, Script
from peers.mta import Mta, one_mail
from support import scratch, watchdog

CLIENTS, PLACES = 100, 10


class Capacity(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.home = self.enterContext(scratch.scratch_directory("capacity"))
        self.child = await self.enterAsyncContext(
            Child("one", f"unix:{self.home}/one.sock", Script(edits=[wire.add_header(b"X-Seen", b"1")])))
        self.patient = {"": {"reading_timeout": peers.PATIENCE_S, "end_of_message_timeout": 2 * peers.PATIENCE_S}}

    async def start(self, manager: str):
        self.daemon = await self.enterAsyncContext(
            daemon.running(self.home, [self.child], self.patient, "manager.suspend_time_on_unacceptable = 1\n" + manager))

    def names(self, *wanted) -> list[str]:
        return [one.name for one in self.daemon.events() if one.name in wanted]

    async def paused_and_resumed_once(self, reason: str):
        await self.daemon.logged("accept_resumed")
        self.assertEqual(self.names("accept_paused", "accept_resumed"), ["accept_paused", "accept_resumed"])
        self.assertEqual(self.daemon.events("accept_paused")[0]["reason"], reason)

    def at_a_time(self) -> int:
        return len([one for one in self.child.conversations if not one.over.is_set()])

    async def serve_all(self, places: int):
        """So many clients at once; the child answers no end of message before it has so many of them."""
        self.child.script = Script(edits=self.child.script.edits, answers={b"E": b""})
        self.child.forget()
        clients = [asyncio.create_task(one_mail(self.daemon.endpoint)) for _ in range(CLIENTS)]
        done = most = 0
        while done < CLIENTS:
            group = [await self.child.next() for _ in range(min(places, CLIENTS - done))]
            for one in group:
                await one.answered("E")  # by its edits
            most = max(most, self.at_a_time())
            for one in group:
                one.say(wire.CONTINUE)
            done += len(group)
        outcomes = await asyncio.gather(*clients)
        self.assertEqual(self.daemon.events("child_failed"), [])
        for outcome in outcomes:
            self.assertEqual((outcome.decision, outcome.headers()), (b"c", [b"X-Seen"]))
        self.assertEqual(most, places)
        self.assertEqual(len(self.child.conversations), CLIENTS)

    async def test_max_connections(self):
        await self.start(f"manager.max_connections = {PLACES}\nmanager.n_workers = 3\n")
        await self.serve_all(PLACES)
        await self.paused_and_resumed_once("connections")
        self.assertEqual(self.daemon.events("accept_paused")[0]["limit"], str(PLACES))

    async def test_full_is_nothing_to_say_while_nobody_waits(self):
        await self.start("manager.max_connections = 2\nmanager.n_workers = 2\n")
        both = [await self.enterAsyncContext(Mta.connected(self.daemon.endpoint)) for _ in range(2)]
        for one in both:
            await one.offer()
        for one in both:
            await one.leave()
        self.assertEqual(self.names("accept_paused"), [])

    async def test_sessions_whose_descriptors_would_not_fit_wait(self):
        # 48 and 12 for the process and its thread, 3 for a session: the MTA, the child, a body in a file.
        await self.start(f"manager.max_file_descriptors = {60 + 3 * PLACES + 2}\nmanager.n_workers = 1\n")
        (said,) = self.daemon.events("capacity")
        self.assertEqual((said.level, said["count"]), ("info", str(PLACES)))
        await self.serve_all(PLACES)
        await self.paused_and_resumed_once("descriptors")

    async def test_more_places_than_fit_are_a_warning(self):
        await self.start("manager.max_file_descriptors = 200\nmanager.max_connections = 100\nmanager.n_workers = 1\n")
        (said,) = self.daemon.events("capacity")
        self.assertEqual((said.level, said["count"], said["descriptors"]), ("warning", "46", "200"))

    def allow(self, descriptors: int):
        """The manager's limit from now on; only its own user may change it everywhere."""
        user, group = (self.daemon.status(key) for key in ("Uid", "Gid"))
        subprocess.run(["prlimit", "--pid", str(self.daemon.pid), f"--nofile={descriptors}:"], check=True,
                       **({"user": user, "group": group, "extra_groups": []} if os.getuid() == 0 else {}))

    async def test_without_descriptors_accepting_pauses_and_goes_on_by_itself(self):
        await self.start("manager.n_workers = 1\n")
        self.allow(3)  # those of the standard streams are taken, whatever else opens and closes
        clients = [asyncio.create_task(one_mail(self.daemon.endpoint)) for _ in range(20)]
        (paused,) = await self.daemon.logged("accept_paused")
        self.assertEqual((paused["reason"], paused["error"]), ("system", "Too many open files"))
        await asyncio.sleep(2.5)  # two tries more, without another line
        self.assertEqual(self.names("accept_paused", "accept_resumed"), ["accept_paused"], self.daemon.log_text())
        self.allow(1000)
        for outcome in await asyncio.gather(*clients):
            self.assertEqual((outcome.decision, outcome.headers()), (b"c", [b"X-Seen"]))
        await self.paused_and_resumed_once("system")

    async def test_without_descriptors_an_end_of_a_session_lets_the_next_one_in(self):
        await self.start("manager.suspend_time_on_unacceptable = 1000\nmanager.n_workers = 2\n")
        first = await self.enterAsyncContext(Mta.connected(self.daemon.endpoint))
        await first.offer()
        await first.greet()
        self.allow(self.daemon.descriptors())
        second = asyncio.create_task(one_mail(self.daemon.endpoint))
        await self.daemon.logged("accept_paused")
        await first.leave()
        outcome = await second
        self.assertEqual((outcome.decision, outcome.headers()), (b"c", [b"X-Seen"]))

    async def test_a_child_for_which_there_is_no_descriptor_costs_its_fallback(self):
        self.patient[""]["fallback_status"] = "temporary-failure"
        await self.start("manager.n_workers = 1\n")
        self.allow(self.daemon.descriptors() + 1)
        outcome = await one_mail(self.daemon.endpoint)
        self.assertEqual(outcome.decision, b"t")
        failed = self.daemon.events("child_failed")[0]
        self.assertIn("cannot connect", failed["reason"])
        self.assertIn("Too many open files", failed["reason"] + failed.text)
        self.allow(1000)
        outcome = await one_mail(self.daemon.endpoint)
        self.assertEqual((outcome.decision, outcome.headers()), (b"c", [b"X-Seen"]))


if __name__ == "__main__":
    watchdog.start(int(165 * peers.SLOWNESS))
    unittest.main(verbosity=2)
