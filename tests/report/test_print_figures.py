"""Figures of a printed page lie whole on a sheet, with their title and caption."""

import shutil
from pathlib import Path

import pytest

from bench.report.report import report
from tests.helpers import ROOT
from tests.report.chromium import NEEDED, browser

pytestmark = [*NEEDED, pytest.mark.long]

ACROSS, DOWN = 273, 186
"""Millimetres of A4 across within its margins."""
PIXELS = 96 / 25.4
HEIGHTS = (
    "return [...document.querySelectorAll('.figures figure')].map(figure => figure.getBoundingClientRect().height)"
)


@pytest.mark.parametrize("study", ["flows", "latent", "latent_options"])
def test_no_figure_is_higher_than_a_sheet(tmp_path: Path, study: str) -> None:
    """Three panels above one another, and captions that name two dozen entries."""
    shutil.copytree(ROOT / "results" / study, tmp_path / study)
    report(study, tmp_path)
    with browser(tmp_path / "profile") as driver:
        size = {"width": int(ACROSS * PIXELS), "height": 800, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        driver.get(f"file://{tmp_path / study / 'report.html'}")
        driver.execute_script("dispatchEvent(new Event('beforeprint'))")
        driver.execute_script("document.querySelectorAll('img').forEach(image => { image.loading = 'eager' })")
        heights = driver.execute_script(HEIGHTS)
    assert len(heights) > 5
    assert min(heights) > 100
    assert max(heights) < DOWN * PIXELS
