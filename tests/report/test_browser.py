"""The page in a real browser: it sorts, it fits a phone, it complains of nothing and asks nothing of the network."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars"
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="needs chromium and chromedriver"),
]


@pytest.fixture(scope="module")
def driver(results: Path, printed: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in [*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        driver.get(f"file://{results / 'made' / 'report.html'}")
        yield driver
    finally:
        driver.quit()


def column(driver: Any, table: str, heading: str) -> list[str]:
    """The texts of one column from top to bottom."""
    script = (
        "const t = document.getElementById(arguments[0]);"
        "const i = [...t.tHead.rows[0].cells].findIndex((c) => c.textContent.trim() === arguments[1]);"
        "return [...t.tBodies[0].rows].map((r) => r.cells[i].textContent.trim());"
    )
    found: list[str] = driver.execute_script(script, table, heading)
    return found


def header(driver: Any, table: str, heading: str) -> Any:
    xpath = f"//table[@id='{table}']//th[normalize-space(.)='{heading}']"
    return driver.find_element("xpath", xpath)


def leading_numbers(cells: list[str]) -> list[float]:
    """The means in front of ±, of the cells that are not empty."""
    return [float(cell.removeprefix("≤ ").split(" ")[0].replace(",", "")) for cell in cells if cell]


def test_a_press_sorts_as_numbers_and_a_second_turns_it_round(driver: Any) -> None:
    heading = "training, s"
    button = header(driver, "cost", heading).find_element("tag name", "button")
    button.click()
    cells = column(driver, "cost", heading)
    values = leading_numbers(cells)
    assert values == sorted(values)
    assert sorted(map(str, values)) != list(map(str, values))  # as text, 86.8 would stand before 9.17
    assert cells[-1] == ""
    assert header(driver, "cost", heading).get_attribute("aria-sort") == "ascending"
    button.click()
    cells = column(driver, "cost", heading)
    assert leading_numbers(cells) == values[::-1]
    assert cells[-1] == ""
    assert header(driver, "cost", heading).get_attribute("aria-sort") == "descending"


def test_enter_on_a_heading_sorts_too(driver: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    header(driver, "likelihood", "model").find_element("tag name", "button").send_keys(Keys.ENTER)
    models = column(driver, "likelihood", "model")
    assert models == sorted(models)
    assert models[:2] == ["cnf", "cnf"]


@pytest.mark.parametrize("width", [375, 1280])
def test_the_page_never_scrolls_sideways(driver: Any, width: int) -> None:
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    assert driver.execute_script("return document.documentElement.clientWidth") == width
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width


def test_every_picture_loads(driver: Any) -> None:
    assert driver.execute_script("return [...document.images].every((i) => i.complete && i.naturalWidth > 0)")


def test_dark_and_light_grounds_differ(driver: Any) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        feature = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", feature)
        grounds.append(driver.execute_script("return getComputedStyle(document.body).backgroundColor"))
    assert len(set(grounds)) == 2


def test_the_console_is_empty_and_the_network_untouched(driver: Any) -> None:
    assert driver.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    own = [url for url in urls if not url.startswith("chrome")]  # the browser's empty first tab
    assert {url.split(":")[0] for url in own} == {"file", "data"}
