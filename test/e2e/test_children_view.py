"""Each real milter behind milter-manager is told what it is told natively: same commands, same order, same bytes.

The replies and the mails can be the same although a milter was shown something else that it happened not to mind;
here that shows.
"""

import contextlib
import difflib
import sys
import unittest

from support import scratch, watchdog
from support.chain import running_chain
from support.child_view import sessions
from support.conversation import play_all
from support.corpus import conversations
from support.stage import MANAGED, NATIVE, running_mta
from support.tracer import Trace, tracing

SHOWN_LINES = 60


def views_of(kind: str, home, chain: dict[str, str]) -> dict[str, list[list[str]]]:
    """What each milter was told, session by session. The first one is the look whether the MTA is ready."""
    traces = {name: Trace() for name in chain}
    with contextlib.ExitStack() as running:
        children = {name: running.enter_context(tracing(endpoint, traces[name])) for name, endpoint in chain.items()}
        with running_mta(kind, scratch.subdirectory(home, kind), children) as mta:
            play_all(conversations(), mta)
    return {name: sessions(trace)[1:] for name, trace in traces.items()}


class EachMilter(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with contextlib.ExitStack() as running:
            home = running.enter_context(scratch.scratch_directory("view"))
            chain = running.enter_context(running_chain(scratch.subdirectory(home, "milters")))
            cls.native = views_of(NATIVE, home, chain)
            cls.managed = views_of(MANAGED, home, chain)

    def test_sees_one_session_for_each_conversation(self):
        for kind, views in ((NATIVE, self.native), (MANAGED, self.managed)):
            for name, told in views.items():
                with self.subTest(chain=kind, milter=name):
                    self.assertEqual(len(conversations()), len(told))

    def test_is_told_the_same_as_natively(self):
        for name, native in self.native.items():
            for conversation, told, told_behind in zip(conversations(), native, self.managed[name]):
                with self.subTest(milter=name, conversation=conversation.name):
                    self.assertIn("connect ", " ".join(told))
                    lines = list(difflib.unified_diff(told, told_behind, "native", "behind the manager", lineterm=""))
                    if lines:
                        self.fail("\n".join([f"{name}: {conversation.name}", *lines[:SHOWN_LINES]]))


def setUpModule():
    watchdog.start()


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=sys.argv)
