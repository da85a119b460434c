"""Citations `chain P12` name a clause that exists; docs/chain.md describes each; tests cite them."""
import re

from tidy_rules.tree import Complaint, line_of

CLAUSES = {str(number) for number in range(1, 70)} | {"21a"}
# Which clauses a file below test/ must cite: "none", "done" (those that docs/chain.md marks as done), "all".
MUST_BE_TESTED = "all"
DESCRIPTION = "docs/chain.md"

CLAUSE = r"P\d+[a-z]?\b"
CITATION = re.compile(rf"\bchain ({CLAUSE}(?:\s*(?:,|and\b|/)\s*{CLAUSE}|\s*[-–]\s*P?\d+\b)*)")
ENTRY = re.compile(r"^\*\*P(\d+[a-z]?)\*\*.*?\[(\w+)\]", re.M)


def cited(text):
    """(position, numbers) of every citation; `P12-P15` and `P12–15` count as all of them."""
    for found in CITATION.finditer(text):
        numbers = []
        for part in re.split(r",|\band\b|/", found.group(1)):
            ends = re.findall(r"\d+[a-z]?", part)
            if len(ends) == 2 and all(end.isdigit() for end in ends):
                numbers += [str(number) for number in range(int(ends[0]), int(ends[1]) + 1)]
            else:
                numbers += ends
        yield found.start(), numbers


def citations(tree):
    for path in sorted(tree.files):
        if not tree.is_text(path) or path.startswith(("tool/tidy_rules/", "test/tidy/")):
            continue
        text = tree.text(path)
        for position, numbers in cited(text):
            for number in numbers:
                if number not in CLAUSES:
                    yield Complaint(path, line_of(text, position), "clause", f"there is no chain P{number}")


def described(tree):
    if DESCRIPTION not in tree.files:
        return
    text = tree.text(DESCRIPTION)
    entries = [number for number, _ in ENTRY.findall(text)]
    for number in sorted(CLAUSES - set(entries)):
        yield Complaint(DESCRIPTION, 1, "clause", f"P{number} is not described")
    for number in sorted({number for number in entries if number not in CLAUSES or entries.count(number) > 1}):
        yield Complaint(DESCRIPTION, 1, "clause", f"P{number} is described twice or does not exist")


def tested(tree, must=None):
    must = must or MUST_BE_TESTED
    if must == "none" or DESCRIPTION not in tree.files:
        return
    marks = dict(ENTRY.findall(tree.text(DESCRIPTION)))
    wanted = CLAUSES if must == "all" else {number for number, mark in marks.items() if mark == "done"}
    seen = {number for path in tree.files if path.startswith("test/") and not path.startswith("test/tidy/")
            for _, numbers in cited(tree.text(path)) for number in numbers}
    for number in sorted(wanted - seen):
        yield Complaint(DESCRIPTION, 1, "untested", f"no test cites chain P{number}")
