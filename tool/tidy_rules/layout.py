"""How a header opens; what may not stand in a co_await expression."""
import re

from tidy_rules.tree import Complaint, line_of


def header_opening(tree):
    for path in tree.paths(".hpp"):
        lines = tree.text(path).splitlines()
        comments = next((n for n, line in enumerate(lines) if not line.startswith("//")), len(lines))
        if not 2 <= comments <= 6:
            yield Complaint(path, 1, "header",
                            f"opens with {comments} comment lines; 2 to 6 say what it is for and what it must never do")
        if "#pragma once" not in lines[comments:comments + 2]:
            yield Complaint(path, comments + 1, "header", "#pragma once must follow the opening comment")


def co_await_braces(tree):
    """g++ 12 miscompiles temporary aggregates in a co_await expression; so no brace in one, of any kind."""
    for path in tree.paths(".cpp", ".hpp"):
        code = tree.code(path)
        for found in re.finditer(r"\bco_await\b", code):
            depth = 0
            for mark in re.finditer(r"[(){}\[\];]", code[found.end():]):
                what = mark.group()
                depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(what, 0)
                if depth < 0 or what in "};":
                    break
                if what == "{":
                    yield Complaint(path, line_of(code, found.end() + mark.start()), "co_await",
                                    "no { in a co_await expression (g++ 12 frees a wild pointer): name the value first")
                    break
