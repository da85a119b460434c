"""Who may include whom (docs/ARCHITECTURE.md), and what the layers that only decide must not know."""
import re

from tidy_rules.tree import Complaint, line_of

ALLOWED = {
    "milter": {"milter"},
    "wire": {"wire"},
    "core": {"core", "wire"},
    "config": {"config", "core", "wire"},
    "observe": {"observe"},
    "io": {"io", "wire", "observe"},
    "proxy": {"proxy", "core", "io", "observe", "wire"},
    "filter": {"filter", "io", "wire"},
    "library": {"library", "milter", "filter", "io", "wire"},
    "tools": {"tools", "filter", "io", "wire"},
    "daemon": {"daemon", "tools", "filter", "proxy", "io", "observe", "config", "core", "wire"},
}
PURE = ("wire", "core", "config")
OF_OUR_MISTAKES = "src/core/expects.hpp"  # the one exception that these layers throw
# Descriptors, waiting and threads; text functions of <arpa/inet.h> are fine.
IMPURE_HEADER = re.compile(
    r"boost/asio|(unistd|fcntl|poll|netdb|time|signal)\.h$|sys/(socket|un|epoll|stat|mman|uio|wait|time|select)\.h$"
    r"|(fstream|filesystem|thread|mutex|condition_variable|future|ctime|csignal)$")
CLOCK = re.compile(r"\b\w*_clock\s*::\s*now\s*\(|\b(clock_gettime|gettimeofday|std::time)\s*\(")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]', re.M)


def includes_of(tree, path):
    """(line, quoted, file) of each include."""
    text = tree.text(path)
    return [(line_of(text, found.start()), found.group(1) == '"', found.group(2)) for found in INCLUDE.finditer(text)]


def sources(tree):
    """(path, folder) of the C++ files below src/ and of the public headers, which know nothing but each other."""
    for path in tree.paths(".cpp", ".hpp", under="src/"):
        yield path, path.split("/")[1]
    for path in tree.paths(".cpp", ".hpp", under="include/"):
        yield path, "milter"


def folders(tree):
    for path, folder in sources(tree):
        if folder not in ALLOWED:
            yield Complaint(path, 1, "include", f"src/{folder} is no folder of the house")
            continue
        for line, quoted, file in includes_of(tree, path):
            used = file.split("/")[0]
            if quoted and "/" not in file:
                yield Complaint(path, line, "include", f'"{file}" must be written "folder/file.hpp"')
            elif used in ALLOWED and used not in ALLOWED[folder]:
                yield Complaint(path, line, "include", f"{folder} must not include {used} ({file})")


def pure_layers(tree):
    for path, folder in sources(tree):
        if folder not in PURE:
            continue
        for line, _, file in includes_of(tree, path):
            if IMPURE_HEADER.search(file):
                yield Complaint(path, line, "pure", f"{folder} knows no Asio, descriptor, thread or clock: <{file}>")
        code = tree.code(path)
        for found in CLOCK.finditer(code):
            yield Complaint(path, line_of(code, found.start()), "pure", f"{folder} must not look at a clock")
        for found in re.finditer(r"\bthrow\b", code) if path != OF_OUR_MISTAKES else ():
            yield Complaint(path, line_of(code, found.start()), "pure", f"{folder} has no exceptions for input")


def whole_asio(tree):
    for path in tree.paths(".cpp", ".hpp"):
        for line, _, file in includes_of(tree, path):
            if file == "boost/asio.hpp":
                yield Complaint(path, line, "asio", "include the fine-grained headers of Asio, not boost/asio.hpp")
