"""The published item types and the names of their addresses."""

from __future__ import annotations

import pytest

from weft.catalog.fabric_types import COLLECTIONS, item_type_of_collection, published_type


@pytest.mark.parametrize(
    ("collection", "item_type"),
    [
        ("notebooks", "Notebook"),
        ("Notebooks", "Notebook"),
        ("dataPipelines", "DataPipeline"),
        ("datapipelines", "DataPipeline"),
        ("sparkJobDefinitions", "SparkJobDefinition"),
        ("graphqlapis", "GraphQLApi"),
        ("kqlDatabases", "KQLDatabase"),
        ("items", None),
        ("Notebook", None),
        ("noteboo\u212as", None),
        ("", None),
    ],
)
def test_the_address_of_a_type_is_found_in_any_case(collection: str, item_type: str | None) -> None:
    assert item_type_of_collection(collection) == item_type


def test_each_type_has_an_address_of_its_own_and_is_found_by_both_names() -> None:
    found = {item_type_of_collection(collection) for collection in COLLECTIONS.values()}

    assert found == set(COLLECTIONS)
    assert [published_type(name.upper()) for name in COLLECTIONS] == list(COLLECTIONS)


def test_a_type_that_is_not_published_has_no_published_spelling() -> None:
    assert published_type("Contoso.FinanceAnalytics.Forecast") is None
