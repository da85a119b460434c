"""Lines of the log: event names and keys are those of the two tables in src/observe, and the level is the table's."""
import re

from tidy_rules.tree import Complaint, line_of

EVENTS, KEYS = "src/observe/events.cpp", "src/observe/keys.cpp"
RENEW = "then milter-manager --log-reference > docs/log-keys.md"
ROW = re.compile(r'^\s*\{"(\w+)",\s*"([^"]*)"', re.M)
FIELD = re.compile(r'\{\s*"(\w+)"\s*,')


def arguments(code, begin):
    """(begin, end) of each argument of the call whose "(" is at begin - 1; code: blanked."""
    depth, first, found = 0, begin, []
    for mark in re.finditer(r"[(){}\[\],]", code[begin:]):
        what, at = mark.group(), begin + mark.start()
        if what == "," and depth == 0:
            found.append((first, at))
            first = at + 1
        depth += {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}.get(what, 0)
        if depth < 0:
            return [*found, (first, at)]
    return found


def field_places(code):
    """Where keys of the log are written: arguments of event(), lists of fields and what is appended to them."""
    for call in re.finditer(r"(?:\.|->)event\(", code):
        yield call.end(), (arguments(code, call.end()) or [(0, call.end())])[-1][1]
    for more in re.finditer(r"\bfield(?:\s+const)?>(?:\s+const)?\s+\w+\s*=?\s*\{|\bfields\.(?:push|emplace)_back\(", code):
        yield more.end() - 1, code.find(";", more.end())


def words(tree):
    """Calls of the log have names and keys of the tables."""
    if EVENTS not in tree.files or KEYS not in tree.files:
        return
    levels = dict(ROW.findall(tree.text(EVENTS)))
    keys = {key for key, _ in ROW.findall(tree.text(KEYS))}
    for path in tree.paths(".cpp", ".hpp", under="src/"):
        text, code = tree.text(path), tree.code(path)
        if path.startswith("src/observe/") or "observe" not in text:
            continue
        for call in re.finditer(r"(?:\.|->)event\(", code):
            level, name, *_ = [text[slice(*one)] for one in arguments(code, call.end())] + ["", ""]
            given = re.search(r"\blevel::(\w+)", level)
            for event in re.findall(r'"(\w*)"', name):
                at = line_of(text, call.start())
                if event not in levels:
                    yield Complaint(path, at, "log", f"no event {event} in {EVENTS}: add its row, {RENEW}")
                elif given and levels[event] not in ("any", given[1]):
                    yield Complaint(path, at, "log", f"{event} is a {levels[event]} in {EVENTS}, not {given[1]}")
        for begin, end in field_places(code):
            for key in FIELD.finditer(text[begin:end]):
                if key[1] not in keys:
                    yield Complaint(path, line_of(text, begin + key.start()), "log",
                                    f"no key {key[1]} in {KEYS}: use one that means the same or add its row, {RENEW}")
