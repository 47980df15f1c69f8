"""Options of a YAML held against the signature of what they are handed to."""

import inspect
from collections.abc import Callable, Container
from dataclasses import field, make_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from bench.errors import BenchError, unknown


def held_against(function: Callable[..., Any], options: dict[str, Any], where: str) -> dict[str, Any]:
    """`options` converted to the types that `function`'s keywords are annotated with.

    Args:
        function: a class's `__init__` or a data set's function; a `**` argument takes any further option as it is.
        options: as the YAML and the command give them.
        where: who an error is about, such as `model=vae`.

    Raises:
        BenchError: an option that `function` does not take, one of a wrong type, or one that is missing.
    """
    hints = get_type_hints(function)
    keywords, takes_any = keywords_of(function)
    free = {name: value for name, value in options.items() if takes_any and name not in keywords}
    named = {name: value for name, value in options.items() if name not in free}
    check_choices({name: value for name, value in named.items() if name in keywords}, hints, where)
    check_missing(function, named, where)
    schema = make_dataclass("Options", [(name, storable(hints.get(name)), field(default=MISSING)) for name in keywords])
    try:
        merged = OmegaConf.merge(OmegaConf.structured(schema), named)
    except ConfigKeyError as error:
        raise unknown("option", str(error.key), keywords, where=where) from error
    except OmegaConfBaseException as error:
        raise BenchError(f"{where}: {error.full_key}: {str(error).splitlines()[0]}") from error
    converted: dict[str, Any] = OmegaConf.to_container(merged)  # type: ignore[assignment]
    return {name: converted[name] for name in named} | free


def keywords_of(function: Callable[..., Any]) -> tuple[dict[str, inspect.Parameter], bool]:
    """The parameters that options may set, `self` and `data` left out, and whether any other is taken by `**`."""
    parameters = inspect.signature(function).parameters.values()
    settable = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    keywords = {p.name: p for p in parameters if p.name not in {"self", "data"} and p.kind in settable}
    return keywords, any(p.kind is p.VAR_KEYWORD for p in parameters)


def check_choices(options: dict[str, Any], hints: dict[str, Any], where: str) -> None:
    """Refuses a value that a Literal does not list.

    Raises:
        BenchError: it names the values that it lists.
    """
    group = where.partition("=")[0]
    for name, value in options.items():
        allowed = allowed_values(hints.get(name))
        if allowed and value not in allowed:
            raise unknown(f"{group}.{name}", str(value), map(str, allowed), where=where)


def missing_options(function: Callable[..., Any], options: Container[str]) -> list[str]:
    """Names of the keywords that have no default and no value."""
    keywords, _ = keywords_of(function)
    return [name for name, keyword in keywords.items() if keyword.default is keyword.empty and name not in options]


def check_missing(function: Callable[..., Any], options: Container[str], where: str) -> None:
    """Refuses options without one that has no default.

    Raises:
        BenchError: it names the first of them.
    """
    group = where.partition("=")[0]
    missing = missing_options(function, options)
    if missing:
        raise BenchError(f"{where}: option {missing[0]} has no value; set {group}.{missing[0]}=")


def members(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a union, or the hint alone."""
    return get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)


def allowed_values(hint: Any) -> tuple[Any, ...]:
    """The values that a hint with a Literal allows, None among them where the hint has it; empty for other hints."""
    literals = [value for part in members(hint) if get_origin(part) is Literal for value in get_args(part)]
    return (*literals, None) if literals and NoneType in members(hint) else tuple(literals)


def storable(hint: Any) -> Any:
    """A hint as OmegaConf knows it: numbers, text, truth values and containers; any other stands for anything."""
    parts = [part for part in members(hint) if part is not NoneType]
    known = len(parts) == 1 and (parts[0] in {int, float, str, bool} or get_origin(parts[0]) in {list, dict, tuple})
    return hint if known else Any
