"""What a mail met: the answer that milter-test-server got, and who said what, from the manager's log."""
import re
from typing import NamedTuple


class Said(NamedTuple):
    child: str
    answer: str
    milliseconds: str


class Answer(NamedTuple):
    status: str
    seconds: float
    reply: str  # the SMTP reply, "" when there is none of a child's own


def answer_of(output):
    """The result of milter-test-server; None when it has none."""
    status = re.search(r"^status: (\S+)(?: (.*))?$", output, re.M)
    elapsed = re.search(r"^elapsed-time: ([\d.e+-]+) seconds", output, re.M)
    if not status or not elapsed:
        return None
    reply = re.sub(r"^\[(\d+)\]<(.*?)>\((.*)\)$", r"\1 \2 \3", status[2] or "")
    return Answer(status[1], float(elapsed[1]), re.sub(r"\s+", " ", reply))


def fields(line):
    """key=value and key="value with \\" in it" of a log line."""
    pairs = re.findall(r'(\w+)=(?:"((?:\\.|[^"\\])*)"|(\S*))', line)
    return {key: (quoted.replace('\\"', '"') if quoted else plain) for key, quoted, plain in pairs}


def messages(log):
    """The fields of each message_done line, in order."""
    return [fields(line.split(" message_done ", 1)[1]) for line in log.splitlines() if " message_done " in line]


def children(message):
    """`children="a:continue:3ms, b:reject:1ms"`: who said what, how long it took."""
    parts = (one.rsplit(":", 2) for one in message.get("children", "").split(", "))
    return [Said(part[0], part[1], part[2].removesuffix("ms")) for part in parts if len(part) == 3]


def rows(mail, answer, message):
    """The table's rows for one mail: (mail, child, what it said, milliseconds, final verdict)."""
    verdict = " ".join(part for part in (answer.status, answer.reply) if part)
    decider = message.get("decided_by", "")
    if decider and decider not in ("-", "none"):
        verdict += f" (by {decider})"
    said = children(message) or [Said("-", "-", "-")]
    return [(mail if at == 0 else "", *one, verdict if at == 0 else "") for at, one in enumerate(said)]


def table(body):
    """Columns as wide as they need; the milliseconds to the right."""
    lines = [("mail", "child", "said", "ms", "final verdict"), *body]
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    shown = [[cell.rjust(width) if column == 3 else cell.ljust(width)
              for column, (cell, width) in enumerate(zip(line, widths))] for line in lines]
    shown.insert(1, ["-" * width for width in widths])
    return "\n".join("  ".join(line).rstrip() for line in shown)
