#!/usr/bin/env python3
"""The library as it is installed: found by CMake and by pkg-config, complete without the sources, and nothing of
the inside can be seen from outside."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from checks import check_greylist, check_list, check_stamp, list_of_senders
from milters import SOURCE, Milters

BUILD = os.environ["MILTER_BUILD_DIR"]
CXX = os.environ["CXX"]
VERSION = os.environ["MILTER_VERSION"]


def run(*command, **more):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=240, check=False, **more)
    if done.returncode != 0:
        raise AssertionError(f"{command}\n{done.stdout}")
    return done.stdout


class Installed(Milters):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="milter-installed-")
        cls.addClassCleanup(folder.cleanup)
        # Installed, then moved: nothing may depend on where it was.
        installed, cls.prefix = Path(folder.name, "first"), Path(folder.name, "prefix")
        run("cmake", "--install", BUILD, "--component", "library", "--prefix", installed)
        installed.rename(cls.prefix)
        cls.examples = Path(folder.name, "examples")
        run("cmake", "-S", SOURCE / "examples", "-B", cls.examples, "-G", "Ninja", "-DCMAKE_PREFIX_PATH=" + str(cls.prefix),
            "-DCMAKE_CXX_COMPILER=" + CXX, "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror", cwd=folder.name)
        run("cmake", "--build", cls.examples)
        cls.library = next(cls.prefix.glob("lib*/**/libmilterxx.so"))

    def test_the_examples_are_built_by_find_package_and_work(self):
        check_stamp(self, self.running("add_header", examples=self.examples))
        check_list(self, self.running("refuse_by_list", list_of_senders(self.folder), examples=self.examples))
        check_greylist(self, lambda seconds: self.running("greylist", self.folder / "seen.db", seconds, examples=self.examples))
        needed = run("readelf", "-d", self.examples / "example_add_header")
        self.assertIn(f"[libmilterxx.so.{VERSION.split('.', maxsplit=1)[0]}]", needed)

    def test_an_example_is_built_by_pkg_config_and_works(self):
        surroundings = {**os.environ, "PKG_CONFIG_PATH": str(self.library.parent / "pkgconfig")}
        self.assertEqual(run("pkg-config", "--modversion", "milterxx", env=surroundings), VERSION + "\n")
        flags = run("pkg-config", "--cflags", "--libs", "milterxx", env=surroundings).split()
        program = self.folder / "example_add_header"
        run(CXX, SOURCE / "examples/add_header.cpp", "-o", program, *flags, f"-Wl,-rpath,{self.library.parent}")
        check_stamp(self, self.running("add_header", examples=self.folder))

    def test_the_page_of_the_manual_can_be_typed(self):
        page = (SOURCE / "docs/manual/library.md").read_text()
        for fence, name in [("cpp", "milter.cpp"), ("cmake", "CMakeLists.txt"), ("cpp", "milter_test.cpp")]:
            block = re.search(rf"`{re.escape(name)}`[^`]*?(?:`[^`]+`[^`]*?)?:\n\n```{fence}\n(.*?)```", page, re.S)
            self.assertIsNotNone(block, name)
            (self.folder / name).write_text(block[1])
        self.assertEqual((self.folder / "milter.cpp").read_text(), (SOURCE / "examples/add_header.cpp").read_text())
        # It was compiled above.
        (self.folder / "milter.cpp").write_text("int main() {}\n")
        build = self.folder / "build"
        run("cmake", "-S", self.folder, "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={self.prefix}",
            f"-DCMAKE_CXX_COMPILER={CXX}")
        run("cmake", "--build", build)
        run(build / "milter_test")

    def test_another_major_version_is_not_found(self):
        project = self.folder / "CMakeLists.txt"
        project.write_text("cmake_minimum_required(VERSION 3.20)\nproject(x NONE)\nfind_package(milter 2 REQUIRED)\n")
        with self.assertRaisesRegex(AssertionError, "considered but not accepted"):
            run("cmake", "-S", self.folder, "-B", self.folder / "b", f"-DCMAKE_PREFIX_PATH={self.prefix}")

    def test_each_header_stands_alone_and_knows_only_its_like(self):
        headers = sorted((self.prefix / "include/milter").iterdir())
        self.assertEqual([one.name for one in headers], sorted(
            [one.name for one in (SOURCE / "include/milter").glob("*.hpp")] + ["version.hpp"]))
        for header in headers:
            included = re.findall(r"^#include (.*)$", header.read_text(), re.M)
            self.assertEqual([one for one in included if not re.fullmatch(r"<milter/\w+\.hpp>|<\w+>", one)], [], header.name)
        alone = [self.folder / f"{one.stem}.cpp" for one in headers]
        for file in alone:
            file.write_text(f"#include <milter/{file.stem}.hpp>\n")
        run(CXX, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror",
            f"-I{self.prefix}/include", *alone)

    def test_nothing_but_the_interface_is_exported(self):
        symbols = run("nm", "-DC", "--defined-only", self.library).splitlines()
        names = {line.split(" ", 2)[2] for line in symbols}
        self.assertIn("milter::v3::server::run()@@MILTERXX_3", names)
        own = re.compile(r"((typeinfo|typeinfo name|vtable) for )?milter::v3::|MILTERXX_3$")
        self.assertEqual([name for name in names if not own.match(name)], [])
        needed = re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", self.library))
        self.assertEqual([name for name in needed if not re.match(r"lib(stdc\+\+|gcc_s|c|m)\.so|ld-linux", name)], [])


if __name__ == "__main__":
    unittest.main()
