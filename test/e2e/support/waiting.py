"""Waiting for an event that no descriptor announces: a condition looked at often, until a deadline.

It must never be used to wait "long enough": the condition decides, and a deadline that passes is a failure.
"""

import time

LOOK_AGAIN_S = 0.02


class TookTooLong(AssertionError):
    pass


def wait_until(condition, what: str, within_s: float, evidence=lambda: ""):
    """Returns the first true value of condition()."""
    deadline = time.monotonic() + within_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TookTooLong(f"not within {within_s} s: {what}\n{evidence()}")
        time.sleep(LOOK_AGAIN_S)
