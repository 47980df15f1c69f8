from bench.report.style import styles


def test_a_model_keeps_its_colour_whoever_else_is_there() -> None:
    alone = styles(["vae", "cnf", "mine"])
    assert styles(["cnf", "vae", "realnvp", "mine"])["vae"] == alone["vae"]
    assert styles(["mine", "cnf"])["cnf"] == alone["cnf"]
    assert styles(["mine"])["mine"] == alone["mine"]


def test_six_models_have_six_colours() -> None:
    assert len({style.colour for style in styles(["vae", "realnvp", "cnf", "spline", "maf", "mine"]).values()}) == 6


def test_many_models_all_look_different() -> None:
    names = [f"entry{n}" for n in range(40)]
    found = styles(names)
    assert len({(style.colour, style.marker) for style in found.values()}) == 40
