"""The pictures of the committed studies: what an exact inverse reconstructs is the original beside it."""

from pathlib import Path

import numpy as np
import pytest

from bench.report.study import label, load
from tests.helpers import ROOT

STUDIES = [path.parent for path in sorted(Path(ROOT / "results").glob("*/pictures.npz"))]


@pytest.mark.parametrize("folder", STUDIES, ids=lambda folder: folder.name)
def test_reconstructions_are_of_the_originals_beside_them(folder: Path) -> None:
    study = load(folder)
    exact = {f"{run['data']}/{label(run)}" for run in study.runs if run.get("recon_kind") == "round_trip"}
    for name, pictures in study.pictures.items():
        kind, _, cell = name.partition("/")
        if kind == "reconstructed" and cell in exact:
            originals = study.pictures[f"real/{cell.partition('/')[0]}"][: len(pictures)].astype(float)
            assert np.abs(pictures - originals).mean() < 0.5, f"{cell}: grey levels of 256"
