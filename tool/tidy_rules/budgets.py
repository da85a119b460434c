"""How long files and functions may grow."""
import ast
import re

from tidy_rules import cpp
from tidy_rules.tree import Complaint

FILE_LINES = 500
FUNCTION_LINES = 70
# The one list of exceptions, each with its reason: tables, and the conductor of a session.
EXCEPTIONS = {
    "src/core/session.cpp": "routes between all parts of a session; the parts hold the rules",
}


def is_code(tree, path):
    return path.endswith((".cpp", ".hpp", ".cmake", "CMakeLists.txt")) or tree.interpreter(path) != ""


def files(tree):
    for path in sorted(tree.files):
        if path in EXCEPTIONS or not is_code(tree, path):
            continue
        lines = len(tree.text(path).splitlines())
        if lines >= FILE_LINES:
            yield Complaint(path, 1, "file", f"{lines} lines; below {FILE_LINES} is allowed, 150 is the aim")


def cpp_functions(tree, path):
    found = cpp.functions(tree.code(path))
    if found is None:
        return None
    return [(function.name, function.first_line, function.last_line) for function in found]


def python_functions(tree, path):
    try:
        nodes = ast.walk(ast.parse(tree.text(path)))
    except SyntaxError:
        return []  # build.scripts complains
    return [(node.name, node.lineno, node.end_lineno) for node in nodes
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def bash_functions(tree, path):
    found, begun = [], None
    for number, line in enumerate(tree.text(path).splitlines(), 1):
        opening = re.match(r"(\w+)\s*\(\)\s*[{(]\s*$", line)
        if opening:
            begun = (opening.group(1), number)
        elif begun and re.match(r"[})]", line):
            found.append((*begun, number))
            begun = None
    return found


def functions(tree):
    for path in sorted(tree.files):
        if path in EXCEPTIONS:
            continue
        if path.endswith((".cpp", ".hpp")):
            found = cpp_functions(tree, path)
        elif tree.interpreter(path) in ("python3", "bash"):
            read = {"python3": python_functions, "bash": bash_functions}[tree.interpreter(path)]
            found = read(tree, path)
        else:
            continue
        if found is None:
            yield Complaint(path, 1, "function", "the braces do not match, so functions cannot be measured")
            continue
        for name, first, last in found:
            if last - first + 1 >= FUNCTION_LINES:
                yield Complaint(path, first, "function",
                                f"{name} has {last - first + 1} lines; below {FUNCTION_LINES} is allowed")
