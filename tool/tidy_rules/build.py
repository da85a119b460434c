"""Nothing lies around unused or broken: sources are built, scripts parse."""
import posixpath
import re
import subprocess

from tidy_rules.tree import Complaint


def names(lists, name):
    """Whether a CMakeLists.txt names the file, also as fuzz_${part}.cpp with `part` in the same list."""
    lists = re.sub(r"#.*", "", lists)
    if re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", lists):
        return True
    for pattern in re.findall(r"(?<![\w.-])[\w.-]*\$\{\w+\}[\w.-]*\.cpp", lists):
        found = re.fullmatch(re.sub(r"\$\{\w+\}", r"(.+)", pattern), name)
        if found and re.search(rf"(?<![\w.-]){re.escape(found[1])}(?![\w.-])", lists):
            return True
    return False


def listed(tree):
    """A .cpp file stands in the CMakeLists.txt of its own folder or of one above."""
    for path in tree.paths(".cpp"):
        folder, name = posixpath.split(path)
        while True:
            lists = tree.text(listing) if (listing := posixpath.join(folder, "CMakeLists.txt")) in tree.files else ""
            if names(lists, name):
                break
            if not folder:
                yield Complaint(path, 1, "unlisted", "no CMakeLists.txt names this file, so nothing builds it")
                break
            folder = posixpath.dirname(folder)


def scripts(tree):
    for path in sorted(tree.files):
        interpreter = tree.interpreter(path)
        if interpreter == "python3":
            try:
                compile(tree.files[path], path, "exec", dont_inherit=True)
            except (SyntaxError, ValueError) as error:
                yield Complaint(path, getattr(error, "lineno", None) or 1, "script", f"does not compile: {error}")
        elif interpreter in ("bash", "sh"):
            checked = subprocess.run([interpreter, "-n"], input=tree.files[path], capture_output=True, check=False)
            if checked.returncode != 0:
                error = checked.stderr.decode(errors="replace").strip().splitlines()[:1]
                yield Complaint(path, 1, "script", f"does not parse: {' '.join(error)}")
