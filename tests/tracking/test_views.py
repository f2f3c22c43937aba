from __future__ import annotations

import base64
import json
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.tracking.address import default_uri
from orchestrator.tracking.views import View, links, needs_ui
from orchestrator.tracking.views_state import MAX_COLUMNS, MAX_TAG, TAG_PREFIX, Axes, is_same, view_tags
from orchestrator.tracking.whereabouts import FILE, address_of, note_whereabouts, read_whereabouts

TABLES = st.lists(
    st.dictionaries(st.text("abcdefghij_.", min_size=1, max_size=80), st.text("0123456789", max_size=6), max_size=30),
    max_size=12,
)


def note(root: Path, uri: str, *, has_views: bool = True) -> None:
    root.mkdir(exist_ok=True)
    note_whereabouts(root, uri=uri, experiment_id="7", study_id="s1", has_views=has_views)


def unpacked(tag: str) -> Any:
    fields = json.loads(tag)
    packed = fields["state"].removeprefix("deflate;")
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def query_of(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).fragment.partition("?")[2])


def test_a_study_that_mlflow_has_not_heard_of_has_no_links(tmp_path: Path) -> None:
    assert links(tmp_path) == ()
    assert not needs_ui(tmp_path)
    (tmp_path / FILE).write_text('{"schema_version": 99}')
    assert links(tmp_path) == ()
    (tmp_path / FILE).write_text("[torn")
    assert links(tmp_path) == ()


def test_links_open_the_views_where_the_study_was_sent(tmp_path: Path) -> None:
    note(tmp_path / "digits", "https://mlflow.example:5000/")
    found = links(tmp_path / "digits")
    assert [link.title for link in found] == ["Pareto front", "All trials"]
    assert found[0].url.startswith("https://mlflow.example:5000/#/experiments/7/runs?")
    assert query_of(found[0].url)["viewStateShareKey"] == ["s1-front"]
    assert query_of(found[0].url)["workflowType"] == ["machine_learning"]
    assert not needs_ui(tmp_path / "digits")


def test_a_database_has_links_for_where_its_pages_are_served(tmp_path: Path) -> None:
    note(tmp_path / "digits", default_uri(tmp_path))
    assert needs_ui(tmp_path / "digits")
    assert links(tmp_path / "digits")[0].url.startswith("http://127.0.0.1:5000/#/")
    assert links(tmp_path / "digits", server="http://127.0.0.1:8080")[1].url.startswith("http://127.0.0.1:8080/#/")


def test_a_study_can_be_moved_with_its_database(tmp_path: Path) -> None:
    note(tmp_path / "digits", default_uri(tmp_path))
    found = read_whereabouts(tmp_path / "digits")
    assert found is not None
    assert address_of(found, tmp_path / "elsewhere") == default_uri(tmp_path / "elsewhere")


def test_without_views_a_link_carries_the_search_alone(tmp_path: Path) -> None:
    note(tmp_path / "digits", "https://mlflow.example", has_views=False)
    query = query_of(links(tmp_path / "digits")[0].url)
    assert "viewStateShareKey" not in query
    assert query["searchFilter"] == ["tags.`archfront.study_id` = 's1' and tags.pareto = 'true'"]


def test_credentials_are_written_nowhere_and_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = "https://ada:s3cr3t-word@mlflow.example"
    note(tmp_path / "digits", uri)
    assert "s3cr3t" not in (tmp_path / "digits" / FILE).read_text()
    found = read_whereabouts(tmp_path / "digits")
    assert found is not None
    assert address_of(found, tmp_path) == "https://mlflow.example"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert address_of(found, tmp_path) == uri
    assert "s3cr3t" not in "".join(link.url for link in links(tmp_path / "digits"))


@given(TABLES)
def test_any_parameters_fit_into_the_tag_of_a_view(tables: list[dict[str, str]]) -> None:
    tags = view_tags("s1", "digits", Axes.of(tables), now_ms=1)
    assert set(tags) == {TAG_PREFIX + view.key("s1") for view in View}
    assert all(len(tag) <= MAX_TAG for tag in tags.values())


@given(TABLES)
def test_columns_are_what_differs_and_axes_what_every_trial_has_of_it(tables: list[dict[str, str]]) -> None:
    axes = Axes.of(tables)
    full = [table for table in tables if table]
    assert len(axes.columns) <= MAX_COLUMNS
    assert all(len({table[name] for table in full if name in table}) > 1 for name in axes.columns)
    assert all(name in table for name in axes.shared for table in full)
    assert set(axes.shared) <= set(axes.columns)


def test_a_view_shows_both_planes_lines_curves_and_the_columns_that_differ() -> None:
    tables = [{"family": "resnet", "width": "8", "stem": "cifar"}, {"family": "densenet", "k": "4", "stem": "cifar"}]
    axes = Axes.of([*tables, {"family": "densenet", "k": "8", "stem": "cifar"}])
    tags = view_tags("s1", "digits", axes, now_ms=1)
    front, trials = (unpacked(tags[TAG_PREFIX + view.key("s1")]) for view in View)
    charts = front["compareRunCharts"]
    assert [chart["type"] for chart in charts] == ["SCATTER", "SCATTER", "PARALLEL", "LINE"]
    assert [chart["xaxis"]["key"] for chart in charts[:2]] == ["num_parameters", "latency_ms"]
    assert charts[2]["selectedParams"] == ["family"], "a line needs a value on every axis"
    assert "params.`k`" in front["selectedColumns"]
    assert "params.`stem`" not in front["selectedColumns"]
    assert "pareto = 'true'" in front["searchFilter"]
    assert "kind = 'trial'" in trials["searchFilter"]


def test_a_view_is_the_same_whenever_it_was_written() -> None:
    first, later = (view_tags("s1", "digits", Axes(), now_ms=now_ms) for now_ms in (1, 2))
    name = TAG_PREFIX + View.FRONT.key("s1")
    assert is_same(first[name], later[name])
    assert not is_same(None, later[name])
    assert not is_same("a person's own", later[name])
    assert not is_same(view_tags("s1", "digits", Axes(columns=("k",)), now_ms=1)[name], later[name])


def test_links_are_made_without_mlflow() -> None:
    code = "import sys; from orchestrator.tracking import views; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
