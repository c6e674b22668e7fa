"""Queries made by a small grammar, and ways to spoil them."""

from __future__ import annotations

import random
from collections.abc import Callable

NUMBERS = ("0", "-1", "2.5", "1e3", str(2**63 - 1), str(-(2**63)), "1e-300", "007")
STRINGS = ("''", "'a'", r"'it\'s'", "'é\U0001f600'", "'%'", "'_'", "'; DROP TABLE twin; --'", r"'\\'", "'*['")
NAMES = ("n", "name", "tags.a", "[[select]]", "a.b.c", "$dtId", "nothing")
RELATIONSHIP_NAMES = ("$sourceId", "$targetId", "$relationshipId", "$relationshipName", "weight")
MODELS = ("'dtmi:fuzz:Thing;1'", "'dtmi:fuzz:Special;1'", "'dtmi:none;1'", "'no model'")
COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
TESTS = ("IS_BOOL", "IS_DEFINED", "IS_NULL", "IS_NUMBER", "IS_OBJECT", "IS_PRIMITIVE", "IS_STRING")
TEXT_TESTS = ("STARTSWITH", "ENDSWITH", "CONTAINS")
DEEPEST = 5

# What a query may not hold, or not there.
SPOILERS = (
    ";", "--", "/*", "*/", "'", '"', "\\", "`", "\x00", "\ud800", "\u202e", "\u00a0", "\u2028", "é", "[[",
    "]]", "(", ")", "[", "]", "$", "$$", ".", "..", ",", "*", "NULL", "NOT", "AND", "JOIN", "MATCH",
    "ORDER BY n", "UNION SELECT", "sqlite_master", "load_extension('x')", "randomblob(1e9)", "' OR '1'='1",
    "T.$metadata.x", "9" * 400, "1e999", "-", "0x10", "?1", ":a", "@x", "{", "}", "\\u0027", "\u017fELECT",
    "SELECT", "%s", "{0}",
)  # fmt: skip
WHOLE = (
    "", " ", "SELECT", "SELECT * FROM", "SELECT * FROM digitaltwins WHERE", "SELECT FROM digitaltwins",
    "SELECT * FROM digitaltwins;", "SELECT TOP(0) FROM digitaltwins", "SELECT TOP(-1) * FROM digitaltwins",
    f"SELECT TOP({'9' * 30}) * FROM digitaltwins", "SELECT COUNT(*) FROM digitaltwins",
    "SELECT T.n FROM digitaltwins T", "SELECT * FROM digitaltwins T JOIN R RELATED T.next",
    "SELECT * FROM twin", "SELECT * FROM sqlite_master", "DELETE FROM digitaltwins", "PRAGMA journal_mode",
    "\u017fELECT * FROM digitaltwins", "SELECT * FROM digitaltwins WHERE " + "(" * 64 + "n = 1" + ")" * 64,
    "SELECT * FROM digitaltwins WHERE " + "(" * 20_000, "SELECT * FROM digitaltwins WHERE " + "NOT " * 10_000,
    "SELECT * FROM digitaltwins WHERE " + " AND ".join(["n = 1"] * 501),
    "SELECT * FROM digitaltwins WHERE " + " OR ".join(["n = 1"] * 502),
    "SELECT * FROM digitaltwins WHERE " + " OR ".join(["CONTAINS(name, 'a')"] * 500),
    "SELECT * FROM digitaltwins WHERE " + " AND ".join(["NOT (n = 1 OR n = 2)"] * 200),
    f"SELECT * FROM digitaltwins WHERE n IN [{','.join('1' * 1001)}]",
    f"SELECT * FROM digitaltwins WHERE n IN [{','.join(map(str, range(1000)))}]",
    f"SELECT * FROM digitaltwins WHERE n = {'9' * 60_000}",
    f"SELECT * FROM digitaltwins WHERE n = '{'a' * 60_000}'",
    f"SELECT * FROM digitaltwins WHERE {'a.' * 64}b = 1",
    f"SELECT * FROM digitaltwins WHERE {'a' * 60_000} = 1",
    f"SELECT * FROM digitaltwins WHERE STARTSWITH(name, '{'%_' * 10_000}')",
    f"SELECT * FROM digitaltwins WHERE n = '{chr(92) * 30_001}", "x" * 64_001, "\t\r\n" * 20_000,
)  # fmt: skip


class Queries:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def good(self) -> str:
        """Return a query that must be understood."""
        alias = self._pick("", "T")
        collection = self._pick("digitaltwins", "DIGITALTWINS", "relationships", "Relationships")
        is_of_twins = collection.lower() == "digitaltwins"
        top = self._pick("", "", "TOP(1)", "top(3)", "TOP(100000)")
        what = self._pick("*", "*", *((alias,) if alias else ()), *(("COUNT()",) if not top else ()))
        select = f"SELECT {top} {what} FROM {collection} {alias}"
        if self._chance.random() < 0.2:
            return select
        return f"{select} {self._pick('WHERE', 'where')} {self._condition(alias, is_of_twins, 0)}"

    def spoilt(self) -> str:
        """Return what need not be a query at all."""
        dice = self._chance.random()
        if dice < 0.3:
            return self._chance.choice(WHOLE)
        query = self.good()
        for _ in range(self._chance.randrange(1, 4)):
            query = self._spoil(query)
        return query

    def _spoil(self, query: str) -> str:
        start, end = sorted(self._chance.randrange(len(query) + 1) for _ in range(2))
        ways: tuple[Callable[[], str], ...] = (
            lambda: query[:start] + self._chance.choice(SPOILERS) + query[start:],
            lambda: query[:start] + self._chance.choice(SPOILERS) + query[end:],
            lambda: query[:start] + query[end:],
            lambda: query[:start] + query[start:end] * self._chance.choice((2, 3, 200)) + query[end:],
            query.swapcase,
        )
        return self._chance.choice(ways)()[:70_000]

    def _condition(self, alias: str, is_of_twins: bool, depth: int) -> str:
        def inner() -> str:
            return self._condition(alias, is_of_twins, depth + 1)

        if depth < DEEPEST and self._chance.random() < 0.6:
            return self._chance.choice(
                (
                    lambda: f"({inner()})",
                    lambda: f"NOT {inner()}",
                    lambda: f"{inner()} AND {inner()}",
                    lambda: f"{inner()} or {inner()}",
                )
            )()
        return self._test(alias, is_of_twins)

    def _test(self, alias: str, is_of_twins: bool) -> str:
        path = self._path(alias, is_of_twins)
        tests: list[Callable[[], str]] = [
            lambda: f"{path} {self._pick(*COMPARISONS)} {self._pick(*NUMBERS, *STRINGS)}",
            lambda: f"{path} {self._pick('=', '!=')} {self._pick('true', 'FALSE', 'null')}",
            lambda: f"{path} {self._pick('IN', 'nin')} [{', '.join(self._literals())}]",
            lambda: f"{self._pick(*TESTS)}({path})",
            lambda: f"{self._pick(*TEXT_TESTS)}({path}, {self._pick(*STRINGS)})",
            lambda: f"ARRAY_CONTAINS({path}, {self._pick(*self._literals())})",
        ]
        if is_of_twins:
            first = self._pick("", f"{alias}, ") if alias else ""
            tests.append(lambda: f"IS_OF_MODEL({first}{self._pick(*MODELS)}{self._pick('', ', exact')})")
        return self._chance.choice(tests)()

    def _path(self, alias: str, is_of_twins: bool) -> str:
        path = self._pick(*NAMES) if is_of_twins else self._pick(*RELATIONSHIP_NAMES)
        return f"{alias}.{path}" if alias else path

    def _literals(self) -> list[str]:
        return self._chance.choices(
            (*NUMBERS, *STRINGS, "true", "false", "null"), k=self._chance.randrange(1, 6)
        )

    def _pick(self, *texts: str) -> str:
        return self._chance.choice(texts)
