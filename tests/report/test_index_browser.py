"""The index of the committed studies in a real browser: widths, colour schemes, contrast, keyboard."""

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.report.index import write_index
from tests.report.chromium import NEEDED, browser

pytestmark = NEEDED
INDEX = Path(__file__).resolve().parents[2] / "results" / "index.html"
CONTRAST = """
const parse = (c) => { const n = c.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
const light = (c) => { const [r, g, b] = c.map((v) => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b; };
const ground = (e) => { for (; e; e = e.parentElement) {
  const c = parse(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c; } return [255, 255, 255, 1]; };
const low = [];
for (const e of document.querySelectorAll("body *")) {
  const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  if (!own || !e.getClientRects().length || ["SCRIPT", "OPTION"].includes(e.tagName)) continue;
  const both = [parse(getComputedStyle(e).color), ground(e)].map((c) => light(c.slice(0, 3)));
  const [a, b] = both.sort((x, y) => y - x);
  if ((a + .05) / (b + .05) < 4.5) low.push(e.tagName + "." + e.className + ": " + e.textContent.slice(0, 40));
}
return low;
"""


UNFOLD = """
document.querySelectorAll("details").forEach((box) => { box.open = true; });
document.querySelectorAll(".folded button").forEach((button) => button.click());
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with browser(tmp_path_factory.mktemp("profile")) as driver:
        driver.get(f"file://{INDEX}")
        yield driver


def wide(driver: Any, width: int) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


@pytest.mark.parametrize("width", [375, 768, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_can_be_read(driver: Any, width: int, scheme: str) -> None:
    wide(driver, width)
    feature = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", feature)
    driver.execute_script(UNFOLD)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    assert driver.execute_script(CONTRAST) == []
    numbers = driver.find_elements("css selector", "#answers td.nll")
    boxes = [number.rect for number in numbers if number.text]
    assert len(boxes) > 10
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes), "the NLL is in view"
    assert driver.execute_script("return [...document.images].every((i) => i.complete && i.naturalWidth > 0)")
    assert driver.execute_script("return [...document.images].every((i) => i.getBoundingClientRect().width >= 40)")


def test_the_select_shows_one_kind_of_data(driver: Any) -> None:
    wide(driver, 1440)
    driver.execute_script(UNFOLD)
    select = driver.find_element("id", "kind")
    kinds = [option.text for option in select.find_elements("tag name", "option")]
    assert len(kinds) >= 4
    everything = len([row for row in driver.find_elements("css selector", "#answers tbody tr") if row.is_displayed()])
    select.send_keys(kinds[1][:3])  # by the keyboard
    shown = [row.text for row in driver.find_elements("css selector", "#answers tbody tr") if row.is_displayed()]
    assert 1 < len(shown) < everything
    assert shown[0].startswith(kinds[1])
    assert all(text.startswith("digits") or "older versions" in text for text in shown[1:])
    cards = [card for card in driver.find_elements("css selector", ".card") if card.is_displayed()]
    assert {card.get_attribute("data-data") for card in cards} == {"digits"}
    driver.execute_script("arguments[0].value = ''; arguments[0].dispatchEvent(new Event('change'))", select)


@pytest.fixture
def two_versions(tmp_path: Path) -> Path:
    """The index of a study and of what it was by an earlier version of training."""
    for name in ("now", "before"):
        shutil.copytree(INDEX.parent / "quick", tmp_path / name, ignore=shutil.ignore_patterns("best"))
    table = tmp_path / "before" / "table.csv"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "training_version": 1} for row in rows)
    write_index(tmp_path)
    return tmp_path / "index.html"


def test_older_versions_are_folded_where_there_are_newer_ones(two_versions: Path, tmp_path: Path) -> None:
    with browser(tmp_path / "profile") as driver:
        driver.get(f"file://{two_versions}")
        check_folded(driver)


def check_folded(driver: Any) -> None:
    folded = driver.find_elements("css selector", "tbody.older[data-fold]")
    assert folded
    for part in folded:
        rows = part.find_elements("css selector", "tr:not(.fold)")
        assert rows
        assert not any(row.is_displayed() for row in rows)
    button = folded[0].find_element("tag name", "button")
    assert button.get_attribute("aria-expanded") == "false"
    button.click()
    assert all(row.is_displayed() for row in folded[0].find_elements("css selector", "tr"))


def test_a_link_into_a_folded_study_opens_it(driver: Any) -> None:
    driver.refresh()
    driver.execute_script(UNFOLD.splitlines()[2])
    link = driver.find_element("css selector", "tbody.older tr:not(.fold) th a")
    place = driver.find_element("id", link.get_attribute("href").partition("#")[2])
    assert not place.is_displayed()
    driver.execute_script("arguments[0].click()", link)
    assert place.is_displayed()


def test_a_word_tells_its_meaning_to_the_keyboard(driver: Any) -> None:
    term = driver.find_element("css selector", ".term[data-tip]")
    driver.execute_script("arguments[0].focus()", term)
    tip = driver.find_element("id", "tip")
    assert tip.is_displayed()
    assert tip.text
    assert term.get_attribute("aria-describedby") == "tip"


def test_links_within_the_page_lead_somewhere(driver: Any) -> None:
    script = (
        "return [...document.querySelectorAll('a[href^=\"#\"]')].map((a) => a.hash.slice(1))"
        ".filter((id) => !document.getElementById(id))"
    )
    assert driver.execute_script(script) == []


def test_the_console_is_empty_and_the_network_untouched(driver: Any) -> None:
    assert driver.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert {url.split(":")[0] for url in urls if not url.startswith("chrome")} <= {"file", "data"}
    assert len({url for url in urls if url.startswith("file")}) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_printed_black_on_white_with_its_commands(driver: Any, scheme: str) -> None:
    wide(driver, 1032)  # A4, landscape
    shown = "return [...document.querySelectorAll('.printed')].filter((e) => e.getClientRects().length).length"
    scheme_of = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "screen", "features": scheme_of})
    driver.execute_script(UNFOLD)
    assert driver.execute_script(shown) == 0
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": scheme_of})
    try:
        assert (
            driver.execute_script(shown)
            == driver.execute_script("return document.querySelectorAll('.printed').length")
            > 10
        )
        assert driver.execute_script(CONTRAST) == []
        assert driver.execute_script("return getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    finally:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "screen", "features": []})
