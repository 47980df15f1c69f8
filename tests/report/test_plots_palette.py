"""Colours: stable, of one hue a family, seen on white and by colour-blind eyes."""

from itertools import combinations

import numpy as np
from matplotlib.colors import to_rgb

from bench.paths import project_dir
from bench.report.plots_palette import FIXED, OTHER, SHADES, natural, styles

DEFICIENCIES = {
    "none": np.eye(3),
    # Machado, Oliveira & Fernandes 2009, severity 1, on linear RGB.
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
SEEN_APART = 9.0
"""CIE 1976 colour difference: several times that which is just seen side by side."""


def linear(colour: str) -> np.ndarray:
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.clip(matrix @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.089], 0.008856, None))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_every_colour_stands_out_from_white_by_three_to_one() -> None:
    for colour in [*OTHER, *(shade for shades in SHADES.values() for shade in shades)]:
        luminance = linear(colour) @ [0.2126, 0.7152, 0.0722]
        assert 1.05 / (luminance + 0.05) >= 3, colour


def test_families_are_told_apart_by_colour_blind_eyes() -> None:
    for name, matrix in DEFICIENCIES.items():
        first = {family: lab(matrix @ linear(shades[0])) for family, shades in SHADES.items()}
        for (a, one), (b, other) in combinations(first.items(), 2):
            assert np.linalg.norm(one - other) > SEEN_APART, (name, a, b)


def test_each_entry_of_the_bench_has_a_look_of_its_own() -> None:
    project = project_dir()
    assert project is not None
    assert {path.stem for path in (project / "conf" / "model").glob("*.yaml")} == FIXED.keys()
    found = styles({name: family for name, (family, _, _) in FIXED.items()})
    assert len({(style.colour, style.marker) for style in found.values()}) == len(FIXED)
    for family, shades in SHADES.items():
        assert {found[name].colour for name, own in FIXED.items() if own[0] == family} <= set(shades)


def test_a_look_hangs_on_nobody_else() -> None:
    alone = styles({"mine": "flow", "vae": "VAE"})
    among = styles({"vae": "VAE", "mine": "flow", "other_one": "flow", "cnf": "ODE flow", "strange": "energy"})
    assert {name: among[name] for name in alone} == alone
    assert alone["mine"].colour in SHADES["flow"]
    assert among["strange"].colour in OTHER
    taken = {(style.colour, style.marker) for style in styles({n: own[0] for n, own in FIXED.items()}).values()}
    assert (alone["mine"].colour, alone["mine"].marker) not in taken


def test_variants_of_a_model_share_all_but_their_dashes() -> None:
    names = [f"vae (latent_size={size})" for size in (2, 5, 10)]
    found = styles(dict.fromkeys(names, "VAE"))
    assert {(style.colour, style.marker) for style in found.values()} == {styles({"vae": "VAE"})["vae"][:2]}
    assert len({str(style.line) for style in found.values()}) == 3


def test_numbers_in_names_are_sorted_by_their_size() -> None:
    assert sorted(["a=10", "a=2", "a=5"], key=natural) == ["a=2", "a=5", "a=10"]
