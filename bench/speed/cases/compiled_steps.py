"""Compiled training steps beside other libraries' eager ones: our `vae` and pythae's, our `realnvp` and nflows'."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import torch

from bench.speed.cases.realnvp_against_nflows import realnvp_compiled
from bench.speed.cases.vae_against_pythae import vae_compiled
from bench.speed.figure import Figure
from bench.speed.interleave import Effort

CASE = "compiled"


def compiled_steps(device: torch.device, effort: Effort) -> Iterator[Figure]:
    """Figures as in `vae-pythae` and `realnvp-nflows`, ours as one CUDA graph on a GPU, by torch.compile elsewhere."""
    mode = "graph" if device.type == "cuda" else "step"
    for figure in chain(vae_compiled(mode, device, effort), realnvp_compiled(mode, device, effort)):
        yield replace(figure, case=CASE)
