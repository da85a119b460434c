"""Rough but sturdy reading of C++: what is code, and where each function begins and ends."""
import re
from typing import NamedTuple

NOT_CODE = re.compile(r"""
    (?P<comment> //[^\n]* | /\*.*?\*/ )
  | (?P<directive> ^[ \t]*\#(?:[^\\\n]|\\\n|\\.)* )
  | (?P<raw> \b(?:u8|u|U|L)?R"(?P<tag>[^()\s\\"]{0,16})\(.*?\)(?P=tag)" )
  | (?P<string> "(?:\\.|[^"\\\n])*" )
  | (?P<number> \b\d[\w'.]* )
  | (?P<character> '(?:\\.|[^'\\\n])+' )
""", re.X | re.S | re.M)


def blank(text):
    """Same length, same lines; comments, directives and the inside of literals become blanks."""
    def replace(match):
        found = match.group()
        if match.lastgroup == "number":
            return found
        blanks = re.sub(r"[^\n]", " ", found)
        quoted = match.group("raw") or match.group("string") or match.group("character")
        return '"' + blanks[1:-1] + '"' if quoted else blanks
    return NOT_CODE.sub(replace, text)


class Function(NamedTuple):
    name: str
    first_line: int
    last_line: int


LABELS = re.compile(r"(?:\s*(?:public|private|protected)\s*:(?!:))*\s*")
SCOPE = re.compile(r"(?:(?:inline|export|static|typedef|constexpr)\s+)*(namespace|extern\s*\"|class|struct|union|enum)(?!\w)")
QUALIFIERS = {"const", "noexcept", "override", "final", "mutable", "try"}


def flatten(head):
    """The head without operators' symbols, attributes and template arguments; each (...) is one \\x01."""
    flat = re.sub(r"\boperator\s*(?:\(\s*\)|\[\s*\]|[^\s\w(]+)", "operator_", head)
    flat = re.sub(r"\[\[.*?\]\]", " ", flat, flags=re.S)
    flat = re.sub(r"->|<=>|[<>=!]=", " ", flat)
    before = None
    while before != flat:
        before = flat
        flat = re.sub(r"\([^()]*\)", "\x01", flat)
        flat = re.sub(r"<[^<>()]*>", " ", flat)
    return re.sub(r"^\s*template\b", "", flat)


def classify(head):
    """What the brace behind this head opens: "scope", "function" or "other" (initializer, enumeration)."""
    flat = flatten(head).strip()
    lambda_body = re.search(r"\]\s*(?:\x01\s*)?(?:[\w:*&\s]*)$", flat)
    if "=" in flat:
        return "function" if lambda_body else "other"
    scope = SCOPE.match(flat)
    if scope and "\x01" not in flat.replace("alignas\x01", "").replace("alignas \x01", ""):
        return "other" if scope.group(1) == "enum" else "scope"
    if "\x01" not in flat:
        return "function" if lambda_body else "other"
    behind = flat.split("\x01", 1)[1].replace("::", "")
    last = re.search(r"(\w+)\s*$", flat)
    in_initializer_list = ":" in behind and last and last.group(1) not in QUALIFIERS
    return "other" if in_initializer_list else "function"


def name_of(head):
    found = re.search(r"([\w:~]+)\s*\x01", flatten(head))
    return found.group(1) if found else "lambda"


def functions(code):
    """Every outermost function of blanked code; None when the braces do not match."""
    found, open_braces = [], []
    head, parentheses = 0, 0
    for match in re.finditer(r"[(){};]", code):
        at, what = match.start(), match.group()
        in_scope = not open_braces or open_braces[-1][0] == "scope"
        if what == "}":
            if not open_braces:
                return None
            kind, begin, name = open_braces.pop()
            if kind == "function":
                found.append(Function(name, code.count("\n", 0, begin) + 1, code.count("\n", 0, at) + 1))
            if kind != "other":
                head, parentheses = at + 1, 0
        elif what == "{":
            begin = LABELS.match(code, head).end()
            kind = classify(code[begin:at]) if in_scope and parentheses == 0 else "other"
            open_braces.append((kind, begin, name_of(code[begin:at]) if kind == "function" else ""))
            if kind == "scope":
                head = at + 1
        elif in_scope:
            parentheses += {"(": 1, ")": -1, ";": 0}[what]
            if what == ";" and parentheses == 0:
                head = at + 1
    return None if open_braces else found
