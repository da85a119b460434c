"""C++ is formatted by clang-format, so that nobody argues about it."""
import re
import shutil
import subprocess

from tidy_rules.tree import Complaint

PROGRAM = "clang-format-14"


def formatted(tree):
    paths = tree.paths(".cpp", ".hpp")
    if not paths:
        return
    if shutil.which(PROGRAM) is None:
        yield Complaint(".clang-format", 1, "format", f"{PROGRAM} is missing: install the package {PROGRAM}")
        return
    checked = subprocess.run([PROGRAM, "--dry-run", "-Werror", *paths], cwd=tree.root, capture_output=True,
                             text=True, check=False)
    first_lines = {}
    for path, line in re.findall(r"^(\S+?):(\d+):\d+: error:", checked.stderr, re.M):
        first_lines.setdefault(path, int(line))
    for path, line in first_lines.items():
        yield Complaint(path, line, "format", f"run {PROGRAM} -i {path}")
    if checked.returncode != 0 and not first_lines:
        yield Complaint(".clang-format", 1, "format", checked.stderr.strip().splitlines()[0])
