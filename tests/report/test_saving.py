"""The report as a file: the name's suffix says its form."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from orchestrator.errors import BadInputError
from orchestrator.objectives import DIRECTIONS, MACS, THROUGHPUT_PER_S, Objective
from orchestrator.records import StudySnapshot
from orchestrator.report import render, save, to_markdown, to_svg
from tests.report.html_outline import read
from tests.synthetic import OBJECTIVES, study

SVG = "{http://www.w3.org/2000/svg}"


def test_each_suffix_has_its_form(tmp_path: Path) -> None:
    snapshot = study(20)
    for name in ("report.html", "front.md", "front.svg", "front.png"):
        save(snapshot, tmp_path / name)
    assert (tmp_path / "report.html").read_text() == render(snapshot)
    assert (tmp_path / "front.md").read_text() == to_markdown(snapshot)
    assert (tmp_path / "front.svg").read_text() == to_svg(snapshot)
    with Image.open(tmp_path / "front.png") as picture:
        width, height = picture.size
        assert width > 2 * height
        assert len(picture.convert("RGB").getcolors(1 << 20) or ()) > 10


@pytest.mark.parametrize("name", ["report.pdf", "report", "report.jpeg"])
def test_another_suffix_is_refused_with_those_that_there_are(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as refusal:
        save(study(1), tmp_path / name)
    assert ".html, .svg, .png, .md" in refusal.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "snapshot", [study(0), study(1), study(40), study(40, is_confirmed=False)], ids=["empty", "one", "forty", "open"]
)
def test_the_picture_is_an_xml_file_that_needs_no_other(snapshot: StudySnapshot, tmp_path: Path) -> None:
    root = ElementTree.fromstring(to_svg(snapshot))
    assert root.tag == f"{SVG}svg"
    targets = {element.get("id") for element in root.iter()}
    used = {element.get("href") for element in root.iter(f"{SVG}use")}
    assert {target.removeprefix("#") for target in used if target} <= targets
    num_planes = sum((element.get("aria-labelledby") or "").startswith("plane-") for element in root.iter(f"{SVG}svg"))
    assert num_planes == (2 if any(record.accuracy is not None for record in snapshot.records) else 0)
    save(snapshot, tmp_path / "front.png")


def test_a_further_objective_has_a_plane_and_a_column() -> None:
    with_macs = dataclasses.replace(
        study(20), objectives=(*OBJECTIVES, Objective(name=MACS, direction=DIRECTIONS[MACS]))
    )
    assert 'aria-labelledby="plane-macs-title"' in to_svg(with_macs)


def test_more_images_a_second_are_better_and_stand_further_left() -> None:
    objectives = (OBJECTIVES[0], Objective(name=THROUGHPUT_PER_S, direction=DIRECTIONS[THROUGHPUT_PER_S]))
    slow, fast = (
        dataclasses.replace(record, predicted_throughput_per_s=value)
        for record, value in zip(
            [one for one in study(20).records if one.accuracy is not None][:2], (100.0, 900.0), strict=True
        )
    )
    slow, fast = dataclasses.replace(slow, accuracy=0.99), dataclasses.replace(fast, accuracy=0.98)
    snapshot = dataclasses.replace(study(0), objectives=objectives, records=(slow, fast))
    page = read(render(snapshot))
    (plane,) = page.all("svg", aria_labelledby=f"plane-{THROUGHPUT_PER_S}-title")
    places = {
        mark.attributes["data-t"]: float(mark.all("use")[0].attributes["x"]) for mark in plane.all("g", class_="m")
    }
    assert places[str(fast.number)] < places[str(slow.number)]
    (table,) = page.all("table", class_="front")
    assert "throughput per s" in [head.text for head in table.all("th", scope="col")]


def test_links_are_shown_in_the_head_and_escaped() -> None:
    page = read(render(study(1), links={"All trials in MLflow": 'http://host:5000/?a=1&b="x"'}))
    (link,) = page.all("header")[0].all("a")
    assert link.attributes["href"] == 'http://host:5000/?a=1&b="x"'
    assert link.text == "All trials in MLflow"
    assert read(render(study(1))).all("header")[0].all("a") == []


def test_a_drawing_library_is_imported_for_pixels_alone() -> None:
    code = (
        "import sys; from orchestrator.report import to_svg; from tests.synthetic import study; to_svg(study(5))\n"
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
