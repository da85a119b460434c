#!/usr/bin/env python3
"""Each rule of tool/tidy complains about a bad sample and is silent about a good one."""
import pathlib
import subprocess
import sys
import tempfile
import textwrap
import unittest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tool"))

from tidy_rules import ALL_RULES, budgets, build, clauses, cpp, includes, layout, logs, style, text
from tidy_rules.tree import Tree


def complaints(rule, path, content, **more):
    files = {path: content.encode() if isinstance(content, str) else content}
    return [(complaint.line, complaint.message) for complaint in rule(Tree(files, **more))]


class RuleTest(unittest.TestCase):
    def assertBad(self, rule, path, content, line=1, says=""):
        found = complaints(rule, path, content)
        self.assertEqual([at for at, _ in found], [line], found)
        self.assertIn(says, found[0][1])

    def assertGood(self, rule, path, content):
        self.assertEqual(complaints(rule, path, content), [])


class Log(RuleTest):
    TABLES = {logs.EVENTS: b'table{\n    {"gone", "warning",\n     "it is", ""},\n    {"says", "any", "text", ""},\n};\n',
              logs.KEYS: b'words{\n    {"child", "who"},\n};\n'}

    def complaints(self, code):
        files = {"src/proxy/a.cpp": b'#include "observe/log.hpp"\n' + code.encode(), **self.TABLES}
        return [(one.line, one.message) for one in logs.words(Tree(files))]

    def test_events_and_keys_are_those_of_the_tables(self):
        for good in ('log_.event(level::warning, "gone", {{"child", name(a, b)}}, "it, (is) {gone}");',
                     '(*log)->event(at, a ? "gone" : "says", fields);', 'log_.event(level::info, "says", {});',
                     'std::vector<field> fields{{"child", a}};\nfields.push_back({"child", b});', 'event("other");'):
            self.assertEqual(self.complaints(good), [])
        for bad, line, says in (
                ('\nlog_.event(level::warning, "come", {});', 3, "no event come in src/observe/events.cpp: add its row"),
                ('log_.event(level::warning, a ? "gone" : "come", {});', 2, "no event come"),
                ('log_.event(observe::level::info, "gone", {});', 2, "gone is a warning"),
                ('log_.event(level::warning, "gone",\n{{"child", a},\n{"who", b}});', 4, "no key who"),
                ('std::vector<field> fields{{"child", a},\n {"who", b}};', 3, "no key who"),
                ('fields.push_back({"who", b});', 2, "no key who")):
            found = self.complaints(bad)
            self.assertEqual([at for at, _ in found], [line], (bad, found))
            self.assertIn(says, found[0][1])


class Includes(RuleTest):
    def test_each_folder_includes_only_what_lies_below_it(self):
        self.assertBad(includes.folders, "src/core/a.hpp", '#include <x>\n#include "config/snapshot.hpp"\n', 2,
                       "core must not include config")
        self.assertBad(includes.folders, "src/filter/a.cpp", '#include "core/session.hpp"\n')
        self.assertBad(includes.folders, "src/io/a.cpp", "#include <core/session.hpp>\n")
        self.assertBad(includes.folders, "include/milter/filter.hpp", '#include "proxy/session.hpp"\n')
        self.assertBad(includes.folders, "src/observe/log.cpp", '#include "wire/frame.hpp"\n')
        self.assertGood(includes.folders, "src/config/a.hpp", '#include "core/policy.hpp"\n#include <core_thing>\n')
        self.assertGood(includes.folders, "src/daemon/a.cpp", '#include "proxy/session.hpp"\n')

    def test_every_folder_may_include_exactly_what_the_picture_says(self):
        for folder, allowed in includes.ALLOWED.items():
            for other in includes.ALLOWED:
                found = complaints(includes.folders, f"src/{folder}/a.cpp", f'#include "{other}/b.hpp"\n')
                self.assertEqual(bool(found), other not in allowed, (folder, other))

    def test_unknown_folders_and_bare_names_are_refused(self):
        self.assertBad(includes.folders, "src/misc/a.cpp", "", says="no folder of the house")
        self.assertBad(includes.folders, "src/core/a.cpp", '#include "step.hpp"\n', says="folder/file.hpp")

    def test_pure_layers_know_no_descriptor_clock_asio_or_exception(self):
        for header in ("unistd.h", "sys/socket.h", "boost/asio/ip/tcp.hpp", "thread"):
            self.assertBad(includes.pure_layers, "src/wire/a.cpp", f"#include <{header}>\n", says=header)
        self.assertBad(includes.pure_layers, "src/core/a.cpp", "int x;\nauto t = std::chrono::steady_clock::now();\n", 2)
        self.assertBad(includes.pure_layers, "src/config/a.cpp", "void f() { throw 1; }\n")
        self.assertGood(includes.pure_layers, "src/core/a.cpp",
                        '#include <chrono>\n// never throw, never steady_clock::now()\nauto s = "throw";\n')
        self.assertGood(includes.pure_layers, "src/io/a.cpp", "#include <unistd.h>\n")

    def test_the_whole_of_asio_is_refused_everywhere(self):
        self.assertBad(includes.whole_asio, "test/unit/io/a.cpp", "#include <boost/asio.hpp>\n")
        self.assertGood(includes.whole_asio, "src/io/a.cpp", "#include <boost/asio/post.hpp>\n")


class Layout(RuleTest):
    def test_a_header_opens_with_two_to_six_lines_and_pragma_once(self):
        self.assertGood(layout.header_opening, "src/a/b.hpp", "// For this.\n// Never that.\n#pragma once\n")
        self.assertBad(layout.header_opening, "src/a/b.hpp", "// For this.\n#pragma once\n", says="1 comment lines")
        self.assertBad(layout.header_opening, "src/a/b.hpp", "// a\n" * 7 + "#pragma once\n", says="7 comment lines")
        self.assertBad(layout.header_opening, "src/a/b.hpp", "// a\n// b\n#ifndef X\n", 3, "#pragma once")

    def test_no_brace_in_a_co_await_expression(self):
        for bad in ("co_await f({.a = 1});", "co_await ch.send({}, who, event{1}, tok);", "x = co_await pair{1, 2};",
                    "co_await f([&] { return 1; });"):
            self.assertBad(layout.co_await_braces, "src/proxy/a.cpp", f"\n{bad}\n", 2)
        for good in ("co_await f(x); foo y{1};", "if (co_await f(x)) { g(); }", "for (auto a : co_await f()) {}",
                     "// co_await f({})", 'auto s = "co_await {";', "while (auto [e, n] = co_await r(b)) { }"):
            self.assertGood(layout.co_await_braces, "src/proxy/a.cpp", good)


class Budgets(RuleTest):
    def test_files_stay_below_500_lines(self):
        for path in ("src/a/b.cpp", "tool/x.py", "test/CMakeLists.txt"):
            self.assertBad(budgets.files, path, "\n" * 500, says="500 lines")
            self.assertGood(budgets.files, path, "\n" * 499)
        self.assertBad(budgets.files, "check", "#!/bin/bash\n" + "\n" * 500)
        self.assertGood(budgets.files, "docs/a.md", "\n" * 900)
        self.assertGood(budgets.files, "src/core/session.cpp", "\n" * 900)

    def test_functions_stay_below_70_lines(self):
        body = "    g();\n" * 68
        self.assertBad(budgets.functions, "src/a/b.cpp", f"int a;\n\nvoid f(int x) {{\n{body}}}\n", 3, "f has 70 lines")
        self.assertGood(budgets.functions, "src/a/b.cpp", f"void f() {{\n{body[:-9]}}}\n")
        self.assertBad(budgets.functions, "tool/x.py", "def f():\n" + "    g()\n" * 69, says="f has 70 lines")
        self.assertGood(budgets.functions, "tool/x.py", "def f():\n" + "    g()\n" * 68)
        self.assertBad(budgets.functions, "check", f"#!/bin/bash\nf() {{\n{body}}}\n", 2, "f has 70 lines")
        self.assertGood(budgets.functions, "src/core/session.cpp", f"void f() {{\n{body}}}\n")

    def test_braces_that_do_not_match_are_reported(self):
        self.assertBad(budgets.functions, "src/a/b.cpp", "void f() {\n", says="do not match")
        self.assertBad(budgets.functions, "src/a/b.cpp", "}\n", says="do not match")


class CppReading(unittest.TestCase):
    SAMPLE = textwrap.dedent("""\
        #include <x> // {
        #define OPEN {
        namespace milter::core { /* { */
        enum class kind : int { a, b };
        struct point final : base<int(int)> {
            point(int x, int y)
                : x_{x}, y_(y) {
                go("}");
            }
        private:
            int get() const noexcept { return 1'000'000; }
            milliseconds limit{297'000};
            static constexpr std::array<int, 2> both = {1, 2};
            bool operator<(point const& o) const { return x_ < o.x_; }
        };
        template <class T>
        auto twice(T v = {}) -> std::vector<T> {
            auto inner = [](int a) { return '{' + a; };
            return R"x({{{)x";
        }
        std::map<std::string, std::function<void(int)>> const table{
            {"a", f(1)},
        };
        auto handler = [](int a) {
            return a;
        };
        extern "C" {
        void hook() {}
        }
        TEST(name, behaviour) {
        }
        }
        """)

    def test_functions_are_found_with_their_lines(self):
        found = [(f.name.strip(), f.first_line, f.last_line) for f in cpp.functions(cpp.blank(self.SAMPLE))]
        self.assertEqual(found, [("point", 6, 9), ("get", 11, 11), ("operator_", 14, 14), ("twice", 16, 20),
                                 ("lambda", 24, 26), ("hook", 28, 28), ("TEST", 30, 31)])

    def test_blanking_keeps_every_line_and_column(self):
        blanked = cpp.blank(self.SAMPLE)
        self.assertEqual([len(line) for line in blanked.splitlines()], [len(line) for line in self.SAMPLE.splitlines()])
        self.assertIn("1'000'000", blanked)


class Text(RuleTest):
    def test_places_outside_the_project_are_not_mentioned(self):
        for place in text.FOREIGN:
            self.assertBad(text.foreign_places, "docs/a.md", f"see\nthe file {place}x\n", 2, place)
        self.assertGood(text.foreign_places, "docs/a.md", "what threads share is the work of farms\n")

    def test_generated_files_and_binaries_stay_out(self):
        for path in ("build/dev/x.txt", "src/a/b.o", "tool/__pycache__/x.pyc"):
            self.assertBad(text.generated, path, "text")
        self.assertBad(text.generated, "docs/picture", b"a\0b", says="NUL")
        self.assertGood(text.generated, "test/fuzz/corpus/frame/1", b"a\0b")
        self.assertGood(text.generated, "src/core/session.cpp", "int a;\n")


class Build(RuleTest):
    def test_every_source_is_named_by_a_cmake_list(self):
        self.assertBad(build.listed, "src/a/b.cpp", "")
        for listing, content in (("src/a/CMakeLists.txt", "lib(x b.cpp)"), ("src/CMakeLists.txt", "lib(x a/b.cpp)")):
            tree = Tree({"src/a/b.cpp": b"", listing: content.encode()})
            self.assertEqual(list(build.listed(tree)), [])
        tree = Tree({"a/fuzz_b.cpp": b"", "a/CMakeLists.txt": b"foreach(one b c)\nfuzz(fuzz_${one}.cpp)\n"})
        self.assertEqual(list(build.listed(tree)), [])
        for content in ("lib(x ab.cpp)", "# b.cpp", "lib(x b.cpp.in)", "foreach(one c)\nlib(${one}.cpp)"):
            tree = Tree({"src/a/b.cpp": b"", "src/a/CMakeLists.txt": content.encode()})
            self.assertEqual(len(list(build.listed(tree))), 1, content)

    def test_scripts_parse(self):
        self.assertBad(build.scripts, "tool/x.py", "a = 1\nb = (\n", 2)
        self.assertBad(build.scripts, "tool/x", "#!/bin/bash\nif true\n")
        self.assertGood(build.scripts, "tool/x", "#!/usr/bin/env python3\na = 1\n")
        self.assertGood(build.scripts, "tool/y", "#!/bin/bash\nif true; then :; fi\n")


class Clauses(RuleTest):
    def test_citations_name_clauses_that_exist(self):
        self.assertBad(clauses.citations, "src/a.cpp", "//\n// chain P70\n", 2, "no chain P70")
        self.assertBad(clauses.citations, "src/a.cpp", "// chain P12, P99\n", says="no chain P99")
        self.assertBad(clauses.citations, "src/a.cpp", "// chain P68-70\n", says="no chain P70")
        self.assertGood(clauses.citations, "src/a.cpp", "// chain P1, P21a and P69; chain P57-P62; chain P12, 99 of them\n")

    def described(self, marks):
        entries = "".join(f"**P{number}** Text. [{marks.get(number, 'planned')}]\n" for number in clauses.CLAUSES)
        return {clauses.DESCRIPTION: entries.encode()}

    def test_the_description_has_each_clause_once(self):
        files = self.described({})
        self.assertEqual(list(clauses.described(Tree(files))), [])
        for wrong, number in ((b"**P12** Text. [planned]\n", "P12 is described twice"), (b"**P70** Text. [done]\n", "P70")):
            tree = Tree({clauses.DESCRIPTION: files[clauses.DESCRIPTION] + wrong})
            self.assertIn(number, [found.message for found in clauses.described(tree)][0])
        tree = Tree({clauses.DESCRIPTION: files[clauses.DESCRIPTION].replace(b"**P12**", b"P12")})
        self.assertEqual([found.message for found in clauses.described(tree)], ["P12 is not described"])

    def test_clauses_marked_done_need_a_test_once_that_is_demanded(self):
        files = self.described({"12": "done", "13": "done"}) | {"test/unit/a.cpp": b"// chain P12\n"}
        found = [complaint.message for complaint in clauses.tested(Tree(files), "done")]
        self.assertEqual(found, ["no test cites chain P13"])
        self.assertEqual(list(clauses.tested(Tree(files), "none")), [])
        self.assertEqual(len(list(clauses.tested(Tree(files), "all"))), 69)


class Style(unittest.TestCase):
    def check(self, content):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "a.cpp").write_text(content)
            (root / ".clang-format").write_text("BasedOnStyle: LLVM\n")
            return list(style.formatted(Tree({"a.cpp": content.encode()}, root)))

    def test_unformatted_code_or_a_missing_formatter_is_a_complaint(self):
        self.assertEqual([(found.path, found.line) for found in self.check("int a;\nint  b ;\n")], [("a.cpp", 2)])
        self.assertEqual(self.check("int a;\n"), [])
        self.addCleanup(setattr, style, "PROGRAM", style.PROGRAM)
        style.PROGRAM = "clang-format-that-is-missing"
        self.assertIn("install the package", self.check("int a;\n")[0].message)


class Program(unittest.TestCase):
    def run_in(self, files, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            for command in (["init", "-q"], ["add", "-A"]):
                for path, content in files.items():
                    (pathlib.Path(folder) / path).write_text(content)
                subprocess.run(["git", "-C", folder, *command], check=True)
            return subprocess.run([ROOT / "tool" / "tidy", "--root", folder, *arguments], capture_output=True, text=True)

    def test_complaints_are_printed_with_their_place_and_fail(self):
        done = self.run_in({"a.py": "a = (\n", "b.py": "b = 1\n"})
        self.assertRegex(done.stdout, r"^a\.py:1: script: does not compile.*\ntidy: 2 files, 1 complaints\n$")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.run_in({"a.py": "a = (\n", "b.py": "b = 1\n"}, "b.py").returncode, 0)

    def test_a_clean_tree_passes_and_an_empty_one_fails(self):
        self.assertEqual(self.run_in({"b.py": "b = 1\n"}).returncode, 0)
        empty = self.run_in({})
        self.assertEqual((empty.stdout, empty.returncode), ("tidy: 0 files, 0 complaints\n", 1))

    def test_every_rule_of_the_modules_is_switched_on(self):
        for module in (budgets, build, includes, layout, style, text, clauses):
            for name, value in vars(module).items():
                is_rule = callable(value) and getattr(value, "__module__", "") == module.__name__ \
                    and value.__code__.co_varnames[:1] == ("tree",) and value.__code__.co_argcount == 1
                if is_rule and name not in ("sources",):
                    self.assertIn(value, ALL_RULES, name)


if __name__ == "__main__":
    unittest.main()
