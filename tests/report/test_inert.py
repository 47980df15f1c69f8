import pytest

from bench.report.inert import markdown_cell, plot_label, slug


@pytest.mark.parametrize("name", ["8gaussians", "linear_gaussian", "a.b-c", "A"])
def test_an_ordinary_name_is_its_own_slug(name: str) -> None:
    assert slug(name) == name


def test_other_names_become_safe_and_stay_apart() -> None:
    names = ["../../x", "..", "a/b", "a b", "a-b", "名前", "x" * 200, "x" * 201, "a\x00b", "CON:", "$(id)"]
    slugs = [slug(name) for name in names]
    assert len(set(slugs)) == len(slugs)
    assert all(len(text) < 80 and "/" not in text and text.isascii() and text.isprintable() for text in slugs)
    assert all(" " not in text for text in slugs)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
        ("a|b", "a\\|b"),
        ("a\\|b", "a\\\\\\|b"),
        ("[x](http://y)", "[x]\\(http://y)"),
        ("`x", "\\`x"),
        ("a\nb", "a b"),
        ("=1+1", "'=1+1"),
        ("vae (widths=[64, 64])", "vae (widths=[64, 64])"),
    ],
)
def test_markdown_holds_no_markup_of_a_stranger(text: str, cell: str) -> None:
    assert markdown_cell(text) == cell


def test_matplotlib_prints_every_letter() -> None:
    from matplotlib.text import Text

    for name in ("a$\\frac{b$", "$x$", "$", "a\\$b$", "\\frac", "x"):
        shown, is_mathematics = Text()._preprocess_math(plot_label(name))
        assert (shown, is_mathematics) == (name, False)
    assert not plot_label("_hidden").startswith("_")
