"""A model as `bench list models NAME` explains it: what it is, and each option with its default and its meaning."""

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_type_hints

from bench.paths import group_choices
from bench.setup.build import entry_class
from bench.setup.compose import compose
from bench.setup.options import allowed_values, keywords_of

WIDTH, NARROWEST = 100, 20
"""Columns of an explanation at most, and at least."""

ARGUMENT = re.compile(r"    (?P<names>\*{0,2}\w+(?:, \w+)*): (?P<text>.*)")
"""A line of a docstring's list of arguments that begins with some of them."""


def model_lines(
    name: str, config_dir: Path | None, overrides: Sequence[str] = (), width: int | None = None
) -> list[str]:
    """A model's description, its options with their defaults and meanings, and what of it is tuned.

    Defaults are those of its YAML, meanings those of its constructor's docstring.

    Args:
        name: of the model.
        config_dir: a folder of the user's own configuration groups.
        overrides: options to show in place of the defaults.
        width: of the terminal; None where nobody says.

    Raises:
        BenchError: it is unknown or does not import.
    """
    config = compose([f"model={name}", *overrides], config_dir)
    entry = entry_class(config)
    description = {choice.name: choice.description for choice in group_choices("model", config_dir)}[name]
    title, *_ = (inspect.getdoc(entry) or "").split("\n\n")
    width = WIDTH if width is None else min(WIDTH, max(NARROWEST, width))
    lines = [*paragraph(description, width), *paragraph(" ".join(title.split()), width), ""]
    lines += option_lines("model", entry.__init__, config.model, meanings(entry), width)  # type: ignore[misc]
    learned = config.train.optimiser.learning_rate
    knob = ", ".join(f"{one}: {shown(values)}" for one, values in (config.tune.knob or {}).items())
    tuned = "fitted in one go: nothing is tuned" if entry.fitted else f"learning rate {learned:g} as it comes; tuned"
    last = tuned if entry.fitted else f"{tuned} beside it: {knob}" if knob else f"{tuned} alone"
    return [*lines, "", *paragraph(last, width)]


def option_lines(
    group: str, function: Callable[..., Any], given: Mapping[str, Any], meaning: Mapping[str, str], width: int
) -> Iterator[str]:
    """Each option of a function with its value, or its default, and what it means; `name` is none.

    Args:
        group: `model` or `data`.
        function: whose keywords are the options.
        given: values that a YAML and a command give.
        meaning: what each of them means.
        width: of the terminal.
    """
    keywords, _ = keywords_of(function)
    hints = get_type_hints(function)
    for option, parameter in keywords.items():
        if option == "name":
            continue
        value = given.get(option, parameter.default)
        yield f"  {group}.{option}={'' if value is parameter.empty else shown(value)}"
        text = meaning.get(option, "No explanation; see its docstring.")
        values = [shown(value) for value in allowed_values(hints.get(option))]
        if not all(value in text for value in values):
            text = f"{text} One of {', '.join(values)}."
        yield from paragraph(text, width, indent=6)


def paragraph(text: str, width: int, indent: int = 0) -> list[str]:
    """A text as lines of at most `width` columns."""
    return textwrap.wrap(text, width, initial_indent=" " * indent, subsequent_indent=" " * indent)


def shown(value: Any) -> str:
    """A value as a command has it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(shown, value))}]"
    return str(value)


def meanings(cls: type) -> dict[str, str]:
    """What each argument of a class's constructor means, by the docstrings of it and of those that it inherits."""
    known: dict[str, str] = {}
    for one in cls.__mro__:
        if "__init__" in vars(one):
            known = {**dict(explained(inspect.getdoc(vars(one)["__init__"]) or "")), **known}
    return known


def explained(docstring: str) -> Iterator[tuple[str, str]]:
    """The arguments of a docstring and their meanings; several that share a line share its meaning."""
    names: list[str] = []
    words: list[str] = []
    section = docstring.partition("Args:\n")[2]
    for line in [*section.splitlines(), ""]:
        begins = ARGUMENT.fullmatch(line)
        if begins or not line.startswith("        "):
            yield from ((name, capital(" ".join(words))) for name in names)
            names, words = [], []
        if begins:
            names, words = begins["names"].split(", "), [begins["text"].strip()]
        elif line.startswith("        ") and names:
            words.append(line.strip())
        elif not line.startswith(" "):
            return


def capital(text: str) -> str:
    """The text with its first letter large, where it is a letter."""
    return text[:1].upper() + text[1:]
