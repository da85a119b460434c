"""Ends a test that hangs from the inside, a little before ctest would end it from the outside.

So everything that the test has started is still stopped and removed, and the logs are still shown.
"""

import faulthandler
import signal
import sys

LIMIT_S = 165


def start(limit_s: int = LIMIT_S):
    def give_up(number, _frame):
        faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
        raise AssertionError(f"ended by signal {signal.Signals(number).name} (limit: {limit_s} s)")
    signal.signal(signal.SIGALRM, give_up)
    signal.signal(signal.SIGTERM, give_up)
    signal.alarm(limit_s)
