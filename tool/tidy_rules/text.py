"""What no file in git may be or mention."""
import re

from tidy_rules.tree import Complaint

# Places outside the project, written in two halves so that this file does not mention them.
FOREIGN = ("/wo" "rk/", "../sha" "red", "fa" "rm-", "sha" "red/spec")
CORPUS = "test/fuzz/corpus/"
GENERATED = re.compile(r"(^|/)(build|__pycache__|CMakeFiles)/|\.(o|a|so|pyc|gcda|gcno|gch|profraw|orig|rej)$|(^|/)core$")


def foreign_places(tree):
    for path, content in sorted(tree.files.items()):
        for number, line in enumerate(content.split(b"\n"), 1):
            for place in FOREIGN:
                if place.encode() in line:
                    yield Complaint(path, number, "mention", f"{place} is no part of the project")


def generated(tree):
    for path in sorted(tree.files):
        if GENERATED.search(path):
            yield Complaint(path, 1, "generated", "generated files do not belong in git")
        elif not tree.is_text(path) and not path.startswith(CORPUS):
            yield Complaint(path, 1, "binary", f"has NUL bytes; binaries do not belong in git, except in {CORPUS}")
