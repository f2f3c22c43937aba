"""The page in a real browser: nothing is loaded, nothing fails, and what the script adds works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.report import render
from tests.chromium import NEEDS_CHROMIUM, chromium
from tests.synthetic import study

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = [pytest.mark.browser, NEEDS_CHROMIUM]


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: playwright.Browser, tmp_path: Path) -> Iterator[playwright.Page]:
    (tmp_path / "report.html").write_text(render(study(40)), encoding="utf-8")
    complaints: list[str] = []
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on(
        "request", lambda request: complaints.append(request.url) if not request.url.startswith("file:") else None
    )
    opened.goto((tmp_path / "report.html").as_uri())
    yield opened
    opened.close()
    assert complaints == []


def test_a_focused_mark_shows_its_trial_and_lights_it_everywhere(page: playwright.Page) -> None:
    mark = page.locator(".m").first
    number = mark.get_attribute("data-t")
    mark.focus()
    tip = page.locator("#tip")
    assert tip.is_visible()
    assert tip.locator("dd").first.text_content() == number
    assert page.locator(f'.on[data-t="{number}"]').count() >= 4
    page.keyboard.press("Escape")
    assert not tip.is_visible()


def test_a_family_can_be_hidden_and_shown_again(page: playwright.Page) -> None:
    marks = page.locator(".m.f0")
    assert marks.first.is_visible()
    box = page.locator(".filter input").first
    box.uncheck()
    assert not marks.first.is_visible()
    assert not page.locator(".trials tr.f0").first.is_visible()
    assert page.locator(".m.f1").first.is_visible()
    box.check()
    assert marks.first.is_visible()


def test_a_family_can_be_hidden_without_a_script(browser: playwright.Browser, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(render(study(40)), encoding="utf-8")
    page = browser.new_page(java_script_enabled=False)
    page.goto((tmp_path / "report.html").as_uri())
    page.locator(".filter input").first.uncheck()
    assert not page.locator(".m.f0").first.is_visible()
    assert page.locator(".m.f1").first.is_visible()
    page.close()


def test_a_chart_is_one_stop_of_the_tab_key_and_arrows_go_along_its_front(page: playwright.Page) -> None:
    plane = page.locator("svg[aria-labelledby=plane-num_parameters-title]")
    assert plane.locator('[tabindex="0"]').count() == 1
    members = page.locator(".front tbody tr").evaluate_all("rows => rows.map((row) => row.dataset.t)")
    plane.locator('[tabindex="0"]').focus()
    seen = []
    for _ in members:
        seen.append(page.locator("#tip dd").first.text_content())
        page.keyboard.press("ArrowRight")
    assert seen == members


def test_contents_lead_to_every_section(page: playwright.Page) -> None:
    targets = page.locator("nav a").evaluate_all("links => links.map((link) => link.hash.slice(1))")
    assert targets == page.locator("main > section > h2").evaluate_all("heads => heads.map((head) => head.id)")


def test_a_column_sorts_by_its_figures(page: playwright.Page) -> None:
    def column() -> list[float]:
        texts = page.locator(".front tbody tr td:nth-child(4)").all_text_contents()
        return [float(text.replace(",", "")) for text in texts]

    heading = page.locator(".front thead th:nth-child(4)")
    heading.locator("button").click()
    assert column() == sorted(column())
    assert heading.get_attribute("aria-sort") == "ascending"
    heading.locator("button").click()
    assert column() == sorted(column(), reverse=True)


@pytest.mark.parametrize("width", [360, 768, 1280, 1920])
def test_the_page_is_never_wider_than_its_window(page: playwright.Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_dark_page_is_dark_and_a_printed_one_is_not(page: playwright.Page) -> None:
    def background() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    page.emulate_media(color_scheme="dark")
    assert background() == "rgb(18, 21, 24)"
    page.emulate_media(color_scheme="dark", media="print")
    assert background() == "rgb(255, 255, 255)"


def test_settings_are_opened_before_printing(page: playwright.Page) -> None:
    page.pdf()
    assert page.locator("details").get_attribute("open") is not None
