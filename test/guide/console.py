"""The console blocks of a page: what an administrator types, and what the page says that comes back.

    ```console
    # postconf -e 'smtpd_milters = unix:/run/milter-manager/milter-manager.sock'
    # milter-manager --explain-detection
    opendkim: enabled
    ...
    ```

A line that begins with "# " is a command, run by root; a here-document goes on to its end. The lines after it are what it
prints: each must come, in this order; "..." stands for any lines, and inside a line for any text. A block whose info
string is `console` is run; one that cannot be is another word (`sh`, `text`), and the page says why.
"""

import dataclasses
import pathlib
import re


@dataclasses.dataclass
class Command:
    line: int  # of the page
    text: str
    printed: list[str]


def commands_of(page: pathlib.Path) -> list[Command]:
    found: list[Command] = []
    inside, until = False, None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if until is not None:
            found[-1].text += "\n" + line
            until = None if line == until else until
        elif line.startswith("```"):
            inside = not inside and line == "```console"
        elif inside and line.startswith("# "):
            found.append(Command(number, line[2:], []))
            here = re.search(r"<<'(\w+)'", line)
            until = here[1] if here else None
        elif inside:
            if not found:
                raise ValueError(f"{page}:{number}: this is printed by no command")
            found[-1].printed.append(line)
    return found


def missing(expected: list[str], output: str) -> str | None:
    """The first line of the page that did not come, or None."""
    lines = [line.rstrip() for line in output.splitlines()]
    at = 0
    for line in (one.rstrip() for one in expected):
        if line == "...":
            continue
        pattern = re.compile(".*".join(map(re.escape, line.split("..."))))
        while at < len(lines) and not pattern.fullmatch(lines[at]):
            at += 1
        if at == len(lines):
            return line
        at += 1
    return None
