"""The packages under test, and the source that they were made of."""
import os
import pathlib
import subprocess

SOURCE = pathlib.Path(__file__).resolve().parents[2]
FOLDER = pathlib.Path(os.environ["MILTER_PACKAGES"])


def only(paths):
    found = list(paths)
    if len(found) != 1:
        raise AssertionError(f"one file was expected, there are: {found}")
    return found[0]


def deb():
    return only(FOLDER.glob("milter-manager_*.deb"))


def rpm(folder="."):
    return only((FOLDER / folder).glob("milter-manager-[0-9]*.rpm"))


def output_of(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True, **options).stdout


def version():
    """As the project says it, in CMakeLists.txt."""
    words = (SOURCE / "CMakeLists.txt").read_text().split()
    return words[words.index("VERSION", words.index("cmake_minimum_required(VERSION") + 1) + 1]
