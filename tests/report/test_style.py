from bench.report.style import styles


def test_a_model_keeps_its_colour_whoever_else_is_there() -> None:
    alone = styles(["vae", "cnf", "mine"])
    assert styles(["cnf", "vae", "realnvp", "mine"])["vae"] == alone["vae"]
    assert styles(["mine", "cnf"])["cnf"] == alone["cnf"]
    assert styles(["mine"])["mine"] == alone["mine"]


def test_six_models_have_six_colours() -> None:
    assert len({style.colour for style in styles(["vae", "realnvp", "cnf", "spline", "maf", "mine"]).values()}) == 6


def test_colours_of_the_first_three_are_lent_before_any_comes_twice() -> None:
    found = styles(["vae", "vae_mean", "iwae", "svae", "gmvae", "vampprior"])
    assert len({style.colour for style in found.values()}) == 6
    assert found["vae"] == styles(["vae", "realnvp", "cnf"])["vae"]


def test_many_models_all_look_different() -> None:
    names = [f"entry{n}" for n in range(40)]
    found = styles(names)
    assert len({(style.colour, style.marker) for style in found.values()}) == 40
