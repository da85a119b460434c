"""Each kind of socket on each side: one mail through it, and the access mode of a unix socket."""

import os
import socket
import stat
import unittest

import peers
from peers import daemon, wire
from peers.child import Child, Script
from peers.mta import one_mail, pieces_of
from support import scratch, watchdog
from support.ports import free_port

BODY = bytes(200_000)


def free_inet6_port() -> int:
    """As free_port(), for ::1 (which has ports of its own)."""
    with socket.socket(socket.AF_INET6) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("::1", 0))
        listener.listen(1)
        with socket.create_connection(listener.getsockname()[:2]) as client:
            listener.accept()[0].close()
            client.recv(1)
        return listener.getsockname()[1]


class Sockets(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.home = self.enterContext(scratch.scratch_directory("sockets"))

    def upstream(self, kind: str) -> str:
        return {"inet": lambda: f"inet:{free_port()}@[127.0.0.1]", "inet6": lambda: f"inet6:{free_inet6_port()}@[::1]",
                "unix": lambda: ""}[kind]()

    def downstream(self, kind: str) -> str:
        return {"inet": "inet:0@[127.0.0.1]", "inet6": "inet6:0@[::1]", "unix": f"unix:{self.home}/child.sock"}[kind]

    async def mail_through(self, to_manager: str, to_child: str):
        script = Script(edits=[wire.add_header(b"X-Seen", b"1")])
        async with Child("one", self.downstream(to_child), script) as child, \
                daemon.running(self.home, [child], {"": {"fallback_status": "temporary-failure"}},
                               endpoint=self.upstream(to_manager)) as manager:
            outcome = await one_mail(manager.endpoint, body=pieces_of(BODY))
            self.assertEqual((outcome.decision, outcome.headers()), (b"c", [b"X-Seen"]))
            conversation = await (await child.next()).ended()
            self.assertEqual((conversation.letters, conversation.messages[-1].body_size), ("OCHMRTLNBEQ", len(BODY)))

    async def test_mta_by_inet_child_by_inet(self):
        await self.mail_through("inet", "inet")

    async def test_mta_by_inet_child_by_unix(self):
        await self.mail_through("inet", "unix")

    async def test_mta_by_inet6_child_by_inet(self):
        await self.mail_through("inet6", "inet")

    async def test_mta_by_inet6_child_by_inet6(self):
        await self.mail_through("inet6", "inet6")

    async def test_mta_by_unix_child_by_inet6(self):
        await self.mail_through("unix", "inet6")

    async def test_mta_by_unix_child_by_unix(self):
        await self.mail_through("unix", "unix")

    async def test_a_unix_socket_has_the_mode_that_is_configured(self):
        for mode in (0o600, 0o660, 0o666):
            with self.subTest(mode=oct(mode)):
                home = scratch.subdirectory(self.home, f"mode{mode:o}")
                async with daemon.running(home, [], manager=f"manager.unix_socket_mode = {mode}") as manager:
                    found = os.stat(manager.endpoint.removeprefix("unix:")).st_mode
                    self.assertTrue(stat.S_ISSOCK(found))
                    self.assertEqual(stat.S_IMODE(found), mode)
                    self.assertEqual((await one_mail(manager.endpoint)).decision, b"c")

    async def test_a_stale_unix_socket_is_replaced_and_a_live_one_is_not(self):
        path = scratch.subdirectory(self.home, "old") / "manager.sock"
        path.parent.chmod(0o777)
        with socket.socket(socket.AF_UNIX) as left_behind:
            left_behind.bind(str(path))
        home = scratch.subdirectory(self.home, "first")
        async with daemon.running(home, [], endpoint=f"unix:{path}") as manager:
            self.assertEqual((await one_mail(manager.endpoint)).decision, b"c")
            with self.assertRaisesRegex(AssertionError, "another program listens there"):
                async with daemon.running(scratch.subdirectory(self.home, "second"), [], endpoint=f"unix:{path}"):
                    pass
            self.assertEqual((await one_mail(manager.endpoint)).decision, b"c")


if __name__ == "__main__":
    watchdog.start(int(165 * peers.SLOWNESS))
    unittest.main(verbosity=2)
