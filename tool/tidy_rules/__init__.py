"""The rules of tool/tidy. A rule is a function: tree in, complaints out; it reads nothing but the tree."""
from tidy_rules import budgets, build, clauses, includes, layout, logs, style, text

ALL_RULES = (
    includes.folders,
    includes.pure_layers,
    includes.whole_asio,
    layout.header_opening,
    layout.co_await_braces,
    budgets.files,
    budgets.functions,
    text.foreign_places,
    text.generated,
    build.listed,
    build.scripts,
    clauses.citations,
    clauses.described,
    clauses.tested,
    logs.words,
    style.formatted,
)
