"""Colour, marker and dashes of a model: the same in every plot of every study, the hue shared by its family.

A style is a function of the model's name and its family's alone, so that who else is shown changes nothing. Entries of
the bench have theirs by table; others start from a hash among what their family has left.
"""

import zlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from bench.report.study import Run

SHADES: dict[str, tuple[str, ...]] = {
    "VAE": ("#0072B2", "#003558", "#3C93D6", "#5F5AC6"),
    "flow": ("#D55E00", "#7F3300", "#B8860B"),
    "ODE flow": ("#009E73", "#005440", "#6C8F1F"),
    "autoencoder": ("#B8579A", "#7A2E66", "#C46FA8"),
    "GAN": ("#5E4A00", "#8C7000", "#A58A1B"),
    "reference": ("#555555", "#222222", "#808080"),
}
"""family -> its shades: hues of Okabe & Ito (2008), darkened until each stands out from white by 3 to 1."""
OTHER = ("#8C5A3C", "#5E3A26", "#A8714F")
"""Shades of a family that the bench does not have."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")
LINES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (2, 1.5)), (0, (6, 2, 1, 2)), (0, (1, 1)))

FIXED: dict[str, tuple[str, int, int]] = {
    "vae": ("VAE", 0, 0), "iwae": ("VAE", 1, 1), "vampprior": ("VAE", 2, 2), "svae": ("VAE", 3, 3),
    "gmvae": ("VAE", 1, 4), "m2": ("VAE", 3, 5), "vae_iaf": ("VAE", 2, 6), "vae_flowprior": ("VAE", 1, 7),
    "vae_latent": ("VAE", 3, 8), "vae_mean": ("VAE", 0, 9), "vae_conv": ("VAE", 0, 3), "hvae": ("VAE", 2, 10),
    "realnvp": ("flow", 0, 1), "realnvp_paper": ("flow", 2, 6), "maf": ("flow", 1, 2), "nsf": ("flow", 2, 3),
    "nsf_ar": ("flow", 1, 4), "realnvp_conv": ("flow", 0, 7), "glow": ("flow", 1, 8),
    "tarflow": ("flow", 2, 0), "jet": ("flow", 0, 9),
    "cnf": ("ODE flow", 0, 2), "cnf_fast": ("ODE flow", 1, 3), "flow_matching": ("ODE flow", 2, 0),
    "flow_matching_ml": ("ODE flow", 1, 5), "cnf_conv": ("ODE flow", 0, 7), "flow_matching_unet": ("ODE flow", 2, 8),
    "ae": ("autoencoder", 0, 4), "ae_expost": ("autoencoder", 1, 6), "ae_moment": ("autoencoder", 2, 3),
    "gan": ("GAN", 0, 7), "gaussian": ("reference", 2, 4), "gmm": ("reference", 0, 5),
    "kde": ("reference", 1, 6), "forest_ar": ("reference", 1, 0),
}  # fmt: skip
"""Entry of the bench -> its family, and its places among the family's shades and among the markers."""


class Style(NamedTuple):
    """Colour, marker and line of a model, the same in every plot."""

    colour: str
    marker: str
    line: Any


Look = Mapping[str, Style]
"""Name of a row or line -> its style."""


def styles(families: Mapping[str, str]) -> dict[str, Style]:
    """name -> style. Variants of a model share its colour and marker and differ in dashes.

    Args:
        families: name -> family; a name is a model's, with what the study varied in brackets.
    """
    variants: dict[str, list[str]] = {}
    for name in sorted(families, key=natural):
        variants.setdefault(model_of(name), []).append(name)
    return {
        name: style_of(model, families[name], LINES[place % len(LINES)] if len(names) > 1 else None)
        for model, names in variants.items()
        for place, name in enumerate(names)
    }


def style_of(model: str, family: str, line: Any = None) -> Style:
    """The style of a model of this family; its dashes unless others are given."""
    own, shade, marker = FIXED.get(model) or hashed(model, family)
    shades = SHADES.get(own, OTHER)
    return Style(shades[shade], MARKERS[marker], line or LINES[(3 * shade + marker) % len(LINES)])


def hashed(model: str, family: str) -> tuple[str, int, int]:
    """Family, shade and marker of a model that the bench does not have, of those that its family has free."""
    taken = {(shade, marker) for own, shade, marker in FIXED.values() if own == family}
    every = [(shade, marker) for shade in range(len(SHADES.get(family, OTHER))) for marker in range(len(MARKERS))]
    free = [place for place in every if place not in taken]
    return family, *free[zlib.crc32(model.encode()) % len(free)]


def model_of(name: str) -> str:
    """The model of a row's name, without what the study varied."""
    return name.partition(" (")[0]


def families_of(runs: Iterable[Run], names: Iterable[tuple[str, str]]) -> dict[str, str]:
    """name -> family as its runs say it, `other` where they do not.

    Args:
        runs: of the study.
        names: of rows, each with its model.
    """
    of_model = {run["model"]: str(run.get("family") or "other") for run in runs}
    return {name: of_model.get(model, "other") for name, model in names}


def natural(name: str) -> tuple[Any, ...]:
    """A key that sorts numbers in names by their size: `latent_size=5` before `latent_size=10`."""
    digits = "".join(c if c.isdigit() else " " for c in name).split()
    return "".join(c for c in name if not c.isdigit()), tuple(int(d[:18]) for d in digits), name
