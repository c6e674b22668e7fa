"""Which texts are queries and what they ask for, and what is said of those that are none."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.twins.query.faults import QueryFault
from weft.twins.query.limits import LOCAL, SERVICE, Limits
from weft.twins.query.parser import parse
from weft.twins.query.selection import (
    All,
    Any,
    Call,
    Collection,
    Compare,
    Comparison,
    Condition,
    Not,
    OneOf,
    Path,
    Selection,
)

TWINS, RELATIONSHIPS = Collection.TWINS, Collection.RELATIONSHIPS
UNLIMITED = Limits(characters=10**9, operators=10**9, items=10**9)


def path(text: str) -> Path:
    return Path(tuple(text.split(".")))


def equal(name: str, value: str | float | bool | None) -> Compare:
    return Compare(path(name), Comparison.EQUAL, value)


A, B, C = equal("a", 1), equal("b", 2), equal("c", 3)

SELECTIONS = {
    "SELECT * FROM digitaltwins": Selection(collection=TWINS),
    "select * from DIGITALTWINS": Selection(collection=TWINS),
    "SeLeCt * FrOm DigitalTwins T": Selection(collection=TWINS),
    "SELECT * FROM digitaltwins AS T": Selection(collection=TWINS),
    "SELECT*FROM relationships": Selection(collection=RELATIONSHIPS),
    "  SELECT\n\t*\r\n FROM Relationships R  ": Selection(collection=RELATIONSHIPS),
    "SELECT COUNT() FROM digitaltwins": Selection(collection=TWINS, counts=True),
    "select count ( ) from relationships r": Selection(collection=RELATIONSHIPS, counts=True),
    "SELECT T FROM digitaltwins T": Selection(collection=TWINS, alias="T"),
    "SELECT Room FROM digitaltwins AS Room": Selection(collection=TWINS, alias="Room"),
    "SELECT TOP(5) * FROM digitaltwins": Selection(collection=TWINS, top=5),
    "SELECT TOP(5) FROM digitaltwins": Selection(collection=TWINS, top=5),
    "SELECT TOP (1) T FROM digitaltwins T": Selection(collection=TWINS, top=1, alias="T"),
}
CONDITIONS: dict[str, Condition] = {
    # comparisons and literals
    "a = 1": A,
    "a=1": A,
    "T.a = 1": A,
    "a != 'x'": Compare(path("a"), Comparison.NOT_EQUAL, "x"),
    "a < 1.5": Compare(path("a"), Comparison.LESS, 1.5),
    "a <= -1": Compare(path("a"), Comparison.LESS_OR_EQUAL, -1),
    "a > 1e3": Compare(path("a"), Comparison.GREATER, 1000.0),
    "a >= 'x'": Compare(path("a"), Comparison.GREATER_OR_EQUAL, "x"),
    "a = true": equal("a", True),
    "a = FALSE": equal("a", False),
    "a = Null": equal("a", None),
    "a = 9223372036854775807": equal("a", 2**63 - 1),
    "a = -9223372036854775808": equal("a", -(2**63)),
    "a = ''": equal("a", ""),
    "a = 'it\\'s'": equal("a", "it's"),
    "a = '\\\\ \\\" \\/ \\n\\r\\t\\b\\f'": equal("a", '\\ " / \n\r\t\b\f'),
    "a = 'ü🚀 %_*?'": equal("a", "ü🚀 %_*?"),
    "a = 'x -- /* ; DROP TABLE twin'": equal("a", "x -- /* ; DROP TABLE twin"),
    "a = '\\'; DROP TABLE twin; --'": equal("a", "'; DROP TABLE twin; --"),
    # names
    "$dtId = 'x'": equal("$dtId", "x"),
    "T.$dtId = 'x'": equal("$dtId", "x"),
    "$metadata.$model = 'dtmi:a;1'": equal("$metadata.$model", "dtmi:a;1"),
    "T.$metadata.$model = 'dtmi:a;1'": equal("$metadata.$model", "dtmi:a;1"),
    "T.a.b.c = 1": equal("a.b.c", 1),
    "T.T = 1": equal("T", 1),
    "t.a = 1": equal("t.a", 1),
    "[[Group]] = 1": equal("Group", 1),
    "T.[[order]].by = 1": equal("order.by", 1),
    "T.count = 1": equal("count", 1),
    "[[T]].a = 1": equal("T.a", 1),
    "contains = 1": equal("contains", 1),
    "_a1 = 1": equal("_a1", 1),
    # lists
    "a IN [1]": OneOf(path("a"), (1,)),
    "a in ['x', 2, true, null]": OneOf(path("a"), ("x", 2, True, None)),
    "a NIN ['x','y']": Not(OneOf(path("a"), ("x", "y"))),
    "T.$dtId IN ['x']": OneOf(path("$dtId"), ("x",)),
    # logic
    "a = 1 AND b = 2": All((A, B)),
    "a = 1 and b = 2 And c = 3": All((A, B, C)),
    "a = 1 OR b = 2 AND c = 3": Any((A, All((B, C)))),
    "a = 1 AND b = 2 OR c = 3": Any((All((A, B)), C)),
    "(a = 1 OR b = 2) AND c = 3": All((Any((A, B)), C)),
    "NOT a = 1": Not(A),
    "NOT NOT a = 1": Not(Not(A)),
    "NOT (a = 1 AND b = 2)": Not(All((A, B))),
    "NOT a = 1 AND b = 2": All((Not(A), B)),
    "((a = 1))": A,
    # functions
    "STARTSWITH(T.$dtId, 'x')": Call("STARTSWITH", path("$dtId"), ("x",)),
    "endswith ( a , 'x' )": Call("ENDSWITH", path("a"), ("x",)),
    "Contains(a.b, '')": Call("CONTAINS", path("a.b"), ("",)),
    "ARRAY_CONTAINS(tags, 2)": Call("ARRAY_CONTAINS", path("tags"), (2,)),
    "ARRAY_CONTAINS(T.tags, 'x')": Call("ARRAY_CONTAINS", path("tags"), ("x",)),
    "IS_DEFINED(a)": Call("IS_DEFINED", path("a")),
    "NOT IS_NULL(a)": Not(Call("IS_NULL", path("a"))),
    "IS_BOOL( HasTemperature ) AND HasTemperature != false": All(
        (
            Call("IS_BOOL", path("HasTemperature")),
            Compare(path("HasTemperature"), Comparison.NOT_EQUAL, False),
        )
    ),
    "IS_NUMBER(a)": Call("IS_NUMBER", path("a")),
    "IS_STRING(a)": Call("IS_STRING", path("a")),
    "IS_OBJECT(a) AND NOT IS_DEFINED(a.b)": All(
        (Call("IS_OBJECT", path("a")), Not(Call("IS_DEFINED", path("a.b"))))
    ),
    "is_primitive(a)": Call("IS_PRIMITIVE", path("a")),
    "IS_OF_MODEL('dtmi:a;1')": Call("IS_OF_MODEL", None, ("dtmi:a;1", False)),
    "IS_OF_MODEL(T, 'dtmi:a;1')": Call("IS_OF_MODEL", None, ("dtmi:a;1", False)),
    "IS_OF_MODEL('dtmi:a;1', exact)": Call("IS_OF_MODEL", None, ("dtmi:a;1", True)),
    "is_of_model(T, 'dtmi:a;1', EXACT)": Call("IS_OF_MODEL", None, ("dtmi:a;1", True)),
}
OF_RELATIONSHIPS = {
    "R.$sourceId = 'x'": equal("$sourceId", "x"),
    "$targetId = 'x'": equal("$targetId", "x"),
    "R.$relationshipName IN ['has']": OneOf(path("$relationshipName"), ("has",)),
    "$relationshipId = 'x' AND R.a = 1": All((equal("$relationshipId", "x"), A)),
}

# Text, what is said of it, and the character that it is said of.
FAULTS = [
    ("", "SELECT is expected, not the end of the query", 1),
    ("   ", "SELECT is expected, not the end of the query", 4),
    ("hello", "SELECT is expected, not 'hello'", 1),
    ("DELETE FROM digitaltwins", "SELECT is expected, not 'DELETE'", 1),
    ("SELECT", "or the name of the collection is expected, not the end", 7),
    ("SELECT *", "FROM is expected, not the end of the query", 9),
    ("SELECT * FROM", "a collection is expected, not the end of the query", 14),
    ("SELECT * FROM twins", "there is no collection 'twins'", 15),
    ("SELECT * FROM sqlite_master", "there are digitaltwins and relationships", 15),
    ("SELECT * FROM digitaltwins, relationships", "is expected, not ','", 27),
    ("SELECT * FROM (SELECT * FROM digitaltwins)", "a collection is expected, not '('", 15),
    ("SELECT T FROM digitaltwins", "'T' is not the name of the collection", 8),
    ("SELECT t FROM digitaltwins T", "'t' is not the name of the collection", 8),
    ("SELECT T.a FROM digitaltwins T", "columns cannot be selected yet", 9),
    ("SELECT T, R FROM digitaltwins T", "columns cannot be selected yet", 9),
    ("SELECT T AS x FROM digitaltwins T", "columns cannot be selected yet", 10),
    ("SELECT 1 FROM digitaltwins", "is expected, not '1'", 8),
    ("SELECT FROM digitaltwins", "is expected, not 'FROM'", 8),
    ("SELECT COUNT(*) FROM digitaltwins", ") is expected, not '*'", 14),
    ("SELECT COUNT FROM digitaltwins", "( is expected, not 'FROM'", 14),
    ("SELECT TOP(5) COUNT() FROM digitaltwins", "is expected, not 'COUNT'", 15),
    ("SELECT TOP 5 * FROM digitaltwins", "( is expected, not '5'", 12),
    ("SELECT TOP(0) * FROM digitaltwins", "TOP takes a whole number from 1 on, not '0'", 12),
    ("SELECT TOP(-1) * FROM digitaltwins", "TOP takes a whole number from 1 on", 12),
    ("SELECT TOP(1.5) * FROM digitaltwins", "TOP takes a whole number from 1 on", 12),
    ("SELECT TOP('1') * FROM digitaltwins", "a number is expected", 12),
    ("SELECT TOP(5 * FROM digitaltwins", ") is expected, not '*'", 14),
    ("SELECT * FROM digitaltwins AS", "a name for the collection is expected", 30),
    ("SELECT * FROM digitaltwins AS where", "'where' cannot be the name of a collection", 31),
    ("SELECT * FROM digitaltwins $t", "'$t' cannot be the name of a collection", 28),
    ("SELECT * FROM digitaltwins T R", "is expected, not 'R'", 30),
    ("SELECT * FROM digitaltwins T JOIN R RELATED T.has", "JOIN is not understood yet", 30),
    ("SELECT * FROM digitaltwins MATCH (a)-[]->(b)", "MATCH is not understood yet", 28),
    ("SELECT * FROM digitaltwins ORDER BY a", "ORDER is not understood yet", 28),
    ("SELECT * FROM digitaltwins GROUP BY a", "GROUP is not understood yet", 28),
    ("SELECT * FROM digitaltwins; DROP TABLE twin", "the character ';' is not understood", 27),
    ("SELECT * FROM digitaltwins -- x", "the character '-' is not understood", 28),
    ("SELECT * FROM digitaltwins UNION SELECT * FROM digitaltwins", "is expected, not 'SELECT'", 34),
    ("SELECT * FROM relationships WHERE IS_OF_MODEL('dtmi:a;1')", "is for digitaltwins only", 35),
    ("SELECT * FROM relationships WHERE $dtId = 'x'", "relationships are selected by properties", 35),
]
BAD_CONDITIONS = [
    ("", "a property, a function, NOT or ( is expected", 1),
    ("a", "is expected, not the end of the query", 2),
    ("a =", "a string, a number, true, false or null is expected", 4),
    ("a = b", "a string, a number, true, false or null is expected, not 'b'", 5),
    ("a = T.b", "a string, a number, true, false or null is expected", 5),
    ('a = "x"', "is not understood", 5),
    ("a = 'x", "the string has no end", 5),
    ("a = 'x\\'", "the string has no end", 5),
    ("a = 'x\\d'", "is no escape", 7),
    ("a = '\\u0041'", "is no escape", 6),
    ("a = 'x''y'", "is expected, not \"'y'\"", 8),
    ("a = ''; DROP TABLE twin; --'", "the character ';' is not understood", 7),
    ("a = '' OR 1=1", "NOT or ( is expected, not '1'", 11),
    ("a = '' UNION SELECT x", "is expected, not 'UNION'", 8),
    ("a == 1", "is expected, not '='", 4),
    ("a <> 1", "a string, a number, true, false or null is expected, not '>'", 4),
    ("a LIKE '%x%'", "one of = != < <= > >= IN NIN is expected, not 'LIKE'", 3),
    ("a BETWEEN 1 AND 2", "is expected, not 'BETWEEN'", 3),
    ("a IS NULL", "is expected, not 'IS'", 3),
    ("1 = a", "NOT or ( is expected, not '1'", 1),
    ("a = 1 b = 2", "is expected, not 'b'", 7),
    ("a = 1 AND", "NOT or ( is expected, not the end of the query", 10),
    ("AND a = 1", "'AND' is a reserved word", 1),
    ("a = 1 OR OR b = 2", "'OR' is a reserved word", 10),
    ("NOT", "NOT or ( is expected", 4),
    ("(a = 1", ") is expected, not the end of the query", 7),
    ("a = 1)", "is expected, not ')'", 6),
    ("()", "NOT or ( is expected, not ')'", 2),
    ("a = 1 WHERE b = 2", "is expected, not 'WHERE'", 7),
    ("a < true", "< compares with a number or a string, not with 'true'", 5),
    ("a >= null", ">= compares with a number or a string, not with 'null'", 6),
    ("a = 1e999", "is beyond 64 bit", 5),
    ("a = 9223372036854775808", "is beyond 64 bit", 5),
    ("a = 0x10", "is expected, not 'x10'", 6),
    ("a = 1.", "is expected, not '.'", 6),
    ("a = .5", "is expected, not '.'", 5),
    ("a = +1", "the character '+' is not understood", 5),
    ("a = NaN", "is expected, not 'NaN'", 5),
    ("a + 1 = 2", "the character '+' is not understood", 3),
    ("a IN []", "a string, a number, true, false or null is expected, not ']'", 7),
    ("a IN ('x')", "[ is expected, not '('", 6),
    ("a IN ['x',]", "is expected, not ']'", 11),
    ("a IN ['x' 'y']", "] is expected", 11),
    ("a IN ['x'", "] is expected, not the end of the query", 10),
    ("a IN [['x']]", "is expected, not '['", 7),
    ("a NOT IN ['x']", "is expected, not 'NOT'", 3),
    ("T = 1", "'T' is a whole element of the collection", 1),
    ("IS_DEFINED(T)", "'T' is a whole element of the collection", 12),
    ("T. = 1", "the name of a property is expected, not '='", 4),
    ("T..a = 1", "the name of a property is expected, not '.'", 3),
    ("a[0] = 1", "is expected, not '['", 2),
    ("a.0 = 1", "the name of a property is expected, not '0'", 3),
    ("ä = 1", "the character '\\xe4' is not understood", 1),
    ("group = 1", "'group' is a reserved word; a property of that name is [[group]]", 1),
    ("[[a b]] = 1", "NOT or ( is expected, not '['", 1),
    ("[[a]", "NOT or ( is expected, not '['", 1),
    ("$etag = 'x'", "digitaltwins are selected by properties and $dtId, $metadata.$model only", 1),
    ("$metadata.a.lastUpdateTime > 'x'", "not by $metadata.a.lastUpdateTime", 1),
    ("a.$metadata = 1", "not by a.$metadata", 1),
    ("$dtid = 'x'", "not by $dtid", 1),
    ("$sourceId = 'x'", "not by $sourceId", 1),
    (".".join("a" * 65) + " = 1", "the property is nested deeper than 64 levels", 1),
    ("load_extension('x')", "there is no function 'load_extension'", 1),
    ("UPPER(a) = 'X'", "there is no function 'UPPER'", 1),
    ("STARTS_WITH(a, 'x')", "there is no function 'STARTS_WITH'", 1),
    ("STARTSWITH(a)", ", is expected, not ')'", 13),
    ("STARTSWITH(a, 1)", "a string is expected, not '1'", 15),
    ("STARTSWITH('x', a)", "NOT or ( is expected", 12),
    ("STARTSWITH(a, 'x'", ") is expected, not the end", 18),
    ("CONTAINS(a, 'x', 'y')", ") is expected, not ','", 16),
    ("CONTAINS(a, b)", "a string is expected, not 'b'", 13),
    ("ARRAY_CONTAINS(a, [1])", "a string, a number, true, false or null is expected", 19),
    ("IS_DEFINED()", "NOT or ( is expected, not ')'", 12),
    ("IS_DEFINED('a')", "NOT or ( is expected", 12),
    ("IS_DEFINED(a, b)", ") is expected, not ','", 13),
    ("IS_DEFINED(a) = true", "is expected, not '='", 15),
    ("IS_OF_MODEL()", "the id of a model as a string is expected", 13),
    ("IS_OF_MODEL(dtmi)", "'dtmi' is not the name of the collection", 13),
    ("IS_OF_MODEL(T)", ", is expected, not ')'", 14),
    ("IS_OF_MODEL('x', 'y')", "EXACT is expected, not \"'y'\"", 18),
    ("IS_OF_MODEL('x', T)", "EXACT is expected, not 'T'", 18),
    ("a = 1 AND EXISTS (SELECT 1)", "there is no function 'EXISTS'", 11),
]
WHERE = "SELECT * FROM digitaltwins T WHERE "


@pytest.mark.parametrize("text", SELECTIONS)
def test_a_query_becomes_a_selection(text: str) -> None:
    assert parse(text) == SELECTIONS[text]


@pytest.mark.parametrize("text", CONDITIONS)
def test_a_condition_is_read_as_it_is_meant(text: str) -> None:
    found = parse(WHERE + text).where

    assert found == CONDITIONS[text]
    assert repr(found) == repr(CONDITIONS[text])  # 1 and True and 1.0 are equal, but not the same literal


@pytest.mark.parametrize("text", OF_RELATIONSHIPS)
def test_relationships_have_names_of_their_own(text: str) -> None:
    assert parse(f"SELECT * FROM relationships R WHERE {text}").where == OF_RELATIONSHIPS[text]


@pytest.mark.parametrize(("text", "message", "position"), FAULTS)
def test_what_is_no_query_is_refused_where_it_goes_wrong(text: str, message: str, position: int) -> None:
    with pytest.raises(QueryFault) as caught:
        parse(text)

    assert message in caught.value.message
    assert caught.value.position == position
    assert str(caught.value).endswith(f", at character {position}")


@pytest.mark.parametrize(("text", "message", "position"), BAD_CONDITIONS)
def test_what_is_no_condition_is_refused_where_it_goes_wrong(text: str, message: str, position: int) -> None:
    with pytest.raises(QueryFault) as caught:
        parse(WHERE + text)

    assert message in caught.value.message
    assert caught.value.position == len(WHERE) + position


def test_the_published_limits_are_kept_to_the_last_one() -> None:
    assert parse(WHERE + "a = '" + "x" * (8_000 - len(WHERE) - 6) + "'", SERVICE).where
    assert parse(WHERE + "a = 1" + " AND a = 1" * 25 + " OR a = 1" * 25, SERVICE).where
    assert parse(WHERE + f"a IN [{', '.join('1' * 50)}]", SERVICE).where
    assert parse(WHERE + "(" * 64 + "a = 1" + ")" * 64, SERVICE).where == A


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (WHERE + "a = '" + "x" * (8_001 - len(WHERE) - 6) + "'", "longer than 8000 characters"),
        (WHERE + "a = 1" + " AND a = 1" * 26 + " OR a = 1" * 25, "more than 50 AND and OR"),
        (WHERE + "(" + ") AND (".join(["a = 1 OR b = 2"] * 26) + ")", "more than 50 AND and OR"),
        (WHERE + f"a IN [{', '.join('1' * 51)}]", "more than 50 items"),
        (WHERE + f"a NIN [{', '.join('1' * 51)}]", "more than 50 items"),
        (WHERE + "(" * 65 + "a = 1" + ")" * 65, "deeper than 64 levels"),
        (WHERE + "NOT " * 65 + "a = 1", "deeper than 64 levels"),
    ],
)
def test_one_more_than_the_published_limit_is_refused(text: str, message: str) -> None:
    with pytest.raises(QueryFault) as caught:
        parse(text, SERVICE)

    assert message in caught.value.message


def test_a_local_server_takes_longer_queries_but_no_endless_ones() -> None:
    assert parse(WHERE + "a = 1" + " OR a = 1" * 500, LOCAL).where
    with pytest.raises(QueryFault):
        parse(WHERE + "a = 1" + " OR a = 1" * 501, LOCAL)


@pytest.mark.parametrize(
    "text",
    [
        WHERE + "(" * 1_000_000,
        WHERE + "NOT " * 1_000_000,
        WHERE + "a = '" + "\\'" * 500_000,
        WHERE + "a = '" + "'" * 1_000_001,
        WHERE + "a = " + "1" * 1_000_000,
        WHERE + "a = 1" + "e" * 1_000_000,
        WHERE + "a" + ".a" * 500_000 + " = 1",
        WHERE + "[" * 1_000_000,
        WHERE + "[[" + "a" * 1_000_000,
        " " * 1_000_000,
        "a" * 1_000_000,
    ],
    ids=lambda text: f"{text[:60]}...",
)
def test_the_time_to_refuse_a_text_grows_no_faster_than_the_text(text: str) -> None:
    began = time.process_time()
    with pytest.raises(QueryFault) as caught:
        parse(text, UNLIMITED)

    assert time.process_time() - began < 1
    assert len(str(caught.value)) < 300


WORDS = [
    *"()[]=<>,.*'$",
    "[[",
    "]]",
    "!=",
    "'x'",
    "\\",
    "1",
    "-1.5e3",
    "T",
    "a",
    "$dtId",
    "ä",
    "\0",
    " ",
    "\n",
]
KEYWORDS = (
    "SELECT COUNT TOP FROM digitaltwins relationships WHERE AND OR NOT IN NIN IS_OF_MODEL CONTAINS true"
)


@given(st.lists(st.sampled_from([*WORDS, *KEYWORDS.split()]) | st.text(max_size=5), max_size=40))
def test_whatever_the_words_they_are_a_query_or_a_fault(words: list[str]) -> None:
    for text in (" ".join(words), "".join(words), WHERE + " ".join(words)):
        fault = fault_of(text)

        if fault is not None:
            assert 1 <= fault.position <= len(text) + 1
            assert str(fault).isprintable()


def fault_of(text: str) -> QueryFault | None:
    try:
        parse(text)
    except QueryFault as fault:
        return fault
    return None
