"""Two outcomes of the same conversation as text, and their difference as a unified diff, section by section."""

import difflib

from support.conversation import Outcome
from support.masks import masked

CONTEXT_LINES = 3
SHOWN_LINES = 60


def sections(outcome: Outcome) -> dict[str, bytes]:
    """The kind of a section is the last word of its name; masks go by it."""
    found = {"smtp": b"".join(
        b"C: %s\r\n%s" % (exchange.sent, b"".join(b"S: " + line for line in exchange.reply.splitlines(True)) or
                          b"(connection lost)\r\n")
        for exchange in outcome.exchanges)}
    if outcome.failure:
        found["failure"] = outcome.failure.encode()
    found["endings"] = "".join(f"{ending}\r\n" for ending in outcome.endings).encode()
    for number, delivery in enumerate(outcome.deliveries, 1):
        found[f"delivery {number}: envelope"] = b"".join(
            line + b"\r\n" for line in (delivery.sender, *delivery.recipients))
        found[f"delivery {number}: header"] = delivery.header()
        found[f"delivery {number}: body"] = delivery.body()
    return {name: masked(name.split()[-1], text) for name, text in found.items()}


def difference(expected: Outcome, actual: Outcome, expected_name: str = "native", actual_name: str = "manager") -> str:
    """A unified diff of all sections that differ; empty when all are the same."""
    left, right = sections(expected), sections(actual)
    return "".join(
        _section_difference(left.get(name, b""), right.get(name, b""),
                            f"{expected_name}: {name}", f"{actual_name}: {name}")
        for name in {**left, **right} if left.get(name) != right.get(name))


def _section_difference(left: bytes, right: bytes, left_name: str, right_name: str) -> str:
    if left == right:
        # One of them is there and empty, the other is not there.
        return f"--- {left_name}\n+++ {right_name}\nonly one of them exists\n"
    before, after = left.split(b"\n"), right.split(b"\n")
    skipped = _common_prefix(before, after)
    shown = [[_printable(line) for line in lines[skipped:skipped + 10 * SHOWN_LINES]] for lines in (before, after)]
    lines = list(difflib.unified_diff(*shown, left_name, right_name, n=CONTEXT_LINES, lineterm=""))
    title = f"# {len(left)} and {len(right)} bytes; line 1 below is line {skipped + 1}\n"
    more = "" if len(lines) <= SHOWN_LINES else f"\n# and {len(lines) - SHOWN_LINES} more lines"
    return title + "\n".join(lines[:SHOWN_LINES]) + more + "\n"


def _common_prefix(left: list[bytes], right: list[bytes]) -> int:
    """Lines at the beginning that need not be shown: the same on both sides, less the context."""
    same = 0
    for one, other in zip(left, right):
        if one != other:
            break
        same += 1
    return max(0, same - CONTEXT_LINES)


def _printable(line: bytes) -> str:
    """Each byte shows: a different blank, CR or 8-bit byte would else look like no difference."""
    return line.decode("latin-1").encode("unicode_escape").decode("ascii")
