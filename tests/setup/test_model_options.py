"""`bench list models NAME`."""

from collections.abc import Sequence

import pytest

from bench.paths import group_choices
from bench.setup.model_options import explained, model_lines


def test_options_of_a_model_are_explained(bench_call) -> None:
    answer = bench_call("list", "models", "vae")
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0].startswith("Gaussian-latent VAE (Kingma & Welling 2014)")
    place = lines.index("  model.beta=1.0")
    assert "Weight of the KL divergence in training" in lines[place + 1]
    assert "  model.latent_size=null" in lines
    assert "diagonal" in lines[lines.index("  model.posterior=diagonal") + 1]


def test_overrides_are_shown_and_mistakes_are_one_line(bench_call) -> None:
    assert "  model.beta=2.0" in bench_call("list", "models", "vae", "model.beta=2.0").out.splitlines()
    answer = bench_call("list", "models", "vea")
    assert (answer.code, answer.out, len(answer.err.splitlines())) == (2, "", 1)
    assert "did you mean vae" in answer.err


@pytest.mark.long
@pytest.mark.parametrize("name", [choice.name for choice in group_choices("model")])
def test_every_option_of_every_entry_has_a_meaning(name: str) -> None:
    lines = model_lines(name, None, width=60)
    options = [place for place, line in enumerate(lines) if line.startswith("  model.")]
    assert options
    for place in options:
        assert lines[place + 1].startswith("      "), lines[place]
        assert "No explanation" not in lines[place + 1], lines[place]
    assert all(len(line) <= 60 for line in lines if not line.startswith("  model."))


def test_an_option_without_a_word_says_so(bench_call, own_conf) -> None:
    answer = bench_call("list", "models", "affine", "--config-dir", own_conf)
    assert answer.code == 0
    assert "  model.width=4" in answer.out.splitlines()


DOCSTRING = """Builds it.

Args:
    width: hidden units,
        in all: of `a` and `b`.
    rtol, atol: tolerances.
    **others: anything.

Raises:
    BenchError: never.
"""


def test_arguments_of_a_docstring() -> None:
    found: Sequence[tuple[str, str]] = list(explained(DOCSTRING))
    assert found == [
        ("width", "Hidden units, in all: of `a` and `b`."),
        ("rtol", "Tolerances."),
        ("atol", "Tolerances."),
        ("**others", "Anything."),
    ]
    assert list(explained("Builds it.")) == []
