"""Tiny runs of every entry, with each shape checked that an annotation gives: `python -m tests.shape_run FOLDER`.

The checks cost more time than the runs, and bend what `torch.compile` and user's mistakes meet. So they are made here,
in a process of its own, and not in all tests.
"""

import os
import sys

import pytest
from jaxtyping import install_import_hook

import tests.shapes  # noqa: F401  named below

ROOMS = ("contract", "data", "laws", "machine", "metrics", "models", "ode", "pack", "training")
"""Rooms of bench whose annotations give shapes."""

DATA = {
    "points": ["data=linear_gaussian", "data.dim=3", "data.latent=2", "data.train=256", "data.validation=64"],
    "levels": ["data=digits", "budget.steps=4"],
    "bits": ["data=digits_binary", "data.labelled=100", "budget.steps=4"],
}
ON_PICTURES = {"realnvp", "cnf", "cnf_fast", "flow_matching", "vae", "vae_iaf", "gmvae", "m2", "gan", "ae_expost"}
ON_PICTURES |= {"realnvp_conv", "glow", "tarflow", "jet", "vae_conv", "hvae", "cnf_conv", "flow_matching_unet"}
"""Entries that are run on digits too; the others are of the same parts."""


def main(folder: str) -> int:
    """Runs every entry on all data; the number of runs that failed."""
    install_import_hook([f"bench.{room}" for room in ROOMS], "tests.shapes.checked")
    from bench.metrics.sliced_w2 import sliced_w2
    from bench.paths import group_choices
    from bench.run import run
    from bench.setup.cell import resolve
    from bench.setup.compose import compose
    from tests.helpers import TINY, TINY_DATA

    with pytest.raises(Exception, match="sliced_w2"):
        sliced_w2("no tensor", "nor this", 4, None)  # type: ignore[arg-type]
    os.chdir(folder)
    failed = 0
    for model in (choice.name for choice in group_choices("model")):
        for name, data in DATA.items():
            if name != "points" and model not in ON_PICTURES:
                continue
            words = [*TINY[len(TINY_DATA) :], *data, f"model={model}", "budget.parameters=null", "model.width=16"]
            cell = resolve(compose(words), "")
            cell.folder.path.mkdir(parents=True, exist_ok=True)
            record = run(cell, lambda history, share: None)
            print(model, name, record["status"], record.get("error") or "", flush=True)
            failed += record["status"] not in {"ok", "not_applicable"}
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
