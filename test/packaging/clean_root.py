"""A Debian that has only what milter-manager's package depends on, made by mmdebstrap from the mirrors that this host uses.

usage: clean_root.py make|remove      MILTER_CLEAN_ROOT: where; MILTER_BUILD_DIR: whose programs say what they depend on
The tests lay a directory of their own over it (private_root.py), so it stays as it is.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
ROOT = pathlib.Path(os.environ["MILTER_CLEAN_ROOT"])
# Beside what the package needs: what the tests want of an administrator's host.
TOOLS = ["logrotate", "systemd", "passwd"]


def output_of(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


def libraries():
    """What the programs of the build folder are linked with, in the words of a Depends: line."""
    build = pathlib.Path(os.environ["MILTER_BUILD_DIR"])
    programs = [str(path) for path in build.glob("milter-*") if path.is_file() and os.access(path, os.X_OK)]
    if not programs:
        sys.exit(f"there are no programs in {build}")
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "debian").mkdir()
        (pathlib.Path(folder) / "debian/control").write_text("Source: x\n\nPackage: x\nArchitecture: any\n")
        line = output_of("dpkg-shlibdeps", "-O", *programs, cwd=folder)
    return line.split("=", 1)[1]


def named_by_control():
    control = (SOURCE / "debian/control").read_text()
    depends = re.search(r"^Depends:\n((?: .*\n)+)", control, re.M).group(1)
    return "".join(line for line in depends.splitlines(True) if "$" not in line)


def packages():
    """The first alternative of each."""
    wanted = f"{libraries()},{named_by_control()}"
    return sorted({word.split("|")[0].split("(")[0].strip() for word in wanted.split(",") if word.strip()} | set(TOOLS))


def mirrors():
    """Debian's archives, as this host's apt has them."""
    lines = output_of("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)",
                      "Created-By: Packages").splitlines()
    found = [line.split()[:3] for line in lines if line.split()[3:4] == ["Debian"] and line.split()[2] == "main"]
    return [f"deb {uri} {release} {component}" for uri, release, component in dict.fromkeys(map(tuple, found))]


def make():
    remove()
    sources = mirrors()
    if not sources:
        sys.exit("apt knows no archive of Debian: run `apt-get update`")
    codename = dict(line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in line)
    command = ["mmdebstrap", "--variant=essential", "--format=directory", "--include=" + ",".join(packages()),
               '--aptopt=Acquire::Languages "none"', "--aptopt=Acquire::Retries 3", "--dpkgopt=force-unsafe-io",
               "--dpkgopt=path-exclude=/usr/share/locale/*", codename["VERSION_CODENAME"], str(ROOT), "-"]
    subprocess.run(command, input="\n".join(sources) + "\n", text=True, check=True)


def remove():
    if ROOT.exists():
        shutil.rmtree(ROOT)


if __name__ == "__main__":
    {"make": make, "remove": remove}[sys.argv[1]]()
