"""Each target of the fuzzer takes its seeds, and what lies behind the first checks is reached by some."""

from __future__ import annotations

from importlib import import_module

import pytest

from tests.fuzz.parsers import SEEDS, TARGETS
from tests.fuzz.targets import (
    archive,
    blob_uris,
    forms,
    manifest,
    schedules,
    searches,
    tokens,
    webhook_urls,
    wishes,
)
from weft.manifests.archive import files_in_archive
from weft.manifests.errors import ManifestInvalid
from weft.manifests.package import read_files

ALL = [(name, path.name) for name in TARGETS for path in sorted((SEEDS / name).iterdir())]


def _seed(target: str, name: str) -> bytes:
    return (SEEDS / target / name).read_bytes()


@pytest.mark.parametrize(("target", "name"), ALL)
def test_a_seed_is_no_finding(target: str, name: str) -> None:
    import_module(f"tests.fuzz.targets.{target}").run(_seed(target, name))


def test_each_module_of_targets_is_run() -> None:
    found = {path.stem for path in (SEEDS.parent / "targets").glob("*.py")} - {"__init__"}

    assert found == set(TARGETS)


@pytest.mark.parametrize("name", ["wdk", "remote"])
def test_the_seeds_of_manifests_are_sound_packages(name: str) -> None:
    package = read_files(manifest.files_of(_seed("manifest", name)), home_tenant=manifest.HOME)

    assert package.item_types


def test_a_seed_of_archives_is_unpacked() -> None:
    files = files_in_archive(_seed("archive", "package"), lambda _: True, limit_bytes=archive.LIMIT_BYTES)

    assert read_files(files, home_tenant=manifest.HOME).item_types


def test_a_recipe_of_an_archive_is_a_sound_one_where_it_says_nothing_odd() -> None:
    assert archive.unpacked(_seed("archive", "recipe")) == {"BE/a.xml": b"<a/>", "FE/b.json": b"{}"}
    with pytest.raises(ManifestInvalid):
        archive.unpacked(_seed("archive", "recipe-odd"))


@pytest.mark.parametrize("name", ["pair", "v2"])
def test_the_claims_of_a_seed_let_their_caller_in(name: str) -> None:
    assert tokens.accepts(_seed("tokens", name))


@pytest.mark.parametrize(
    ("name", "status"), [("app", 200), ("app-v1", 200), ("behalf", 200), ("instance", 200), ("renew", 400)]
)
def test_the_forms_of_the_seeds_are_answered(name: str, status: int) -> None:
    assert forms.status(_seed("forms", name)) == status


@pytest.mark.parametrize("name", sorted(path.name for path in (SEEDS / "schedules").iterdir()))
def test_the_schedules_of_the_seeds_are_accepted_but_the_odd_one(name: str) -> None:
    assert (schedules.accepted(_seed("schedules", name)) is None) == (name == "odd")


@pytest.mark.parametrize(
    ("name", "is_named"), [("local", True), ("azure", True), ("emulator", True), ("link", False)]
)
def test_the_blobs_of_the_seeds_are_named(name: str, is_named: bool) -> None:
    assert (blob_uris.named(_seed("blob_uris", name)) is not None) == is_named


@pytest.mark.parametrize("name", sorted(path.name for path in (SEEDS / "searches").iterdir()))
def test_the_searches_of_the_seeds_are_understood_but_the_odd_one(name: str) -> None:
    assert (searches.asked(_seed("searches", name)) is None) == (name == "odd")


@pytest.mark.parametrize(
    ("name", "key"), [("waits", "nightly-2026-11-22"), ("same", 'a"b'), ("quoted", None), ("odd", None)]
)
def test_the_keys_of_the_seeds_are_read(name: str, key: str | None) -> None:
    found = wishes.key_of(_seed("wishes", name))

    assert (found.text if found else None) == key


@pytest.mark.parametrize("name", sorted(path.name for path in (SEEDS / "webhook_urls").iterdir()))
def test_webhooks_of_the_seeds_are_let_through_but_where_none_may_go(name: str) -> None:
    assert webhook_urls.is_let_through(_seed("webhook_urls", name)) == (name not in ("odd", "plain"))
