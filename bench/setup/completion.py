"""`bench completion SHELL`: a script that completes commands, options, groups and names, by shtab."""

import argparse
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import get_type_hints

from bench.config import Config
from bench.errors import BenchError
from bench.paths import group_choices, installed

GROUPS = ("model", "data", "study")
"""Configuration groups whose names an override completes."""

SHELLS = ("bash", "zsh")

BASH = r"""
# NAME= and its values. A word begins behind a = for readline, where = is among its breaks.
_bench_overrides() {
  local typed="${COMP_LINE:0:COMP_POINT}" group
  typed="${typed##* }"
  for group in ${!_bench_names[@]}; do
    if [[ $typed == "$group"=* ]]; then
      local value="${typed#"$group"=}" before=""
      [[ $COMP_WORDBREAKS == *=* ]] || before="$group="
      [[ $value == *,* ]] && before+="${value%,*},"
      compgen -P "$before" -W "${_bench_names[$group]}" -- "${value##*,}"
      return
    fi
  done
  [[ $typed == *=* ]] || compgen -W "$_bench_words" -- "$typed"
}
_bench_studies() {
  local folder
  local -a found=(${_bench_names[study]})
  for folder in results/*/; do [[ -d $folder ]] && found+=("$(basename "$folder")"); done
  compgen -W "${found[*]}" -- "$1" | sort -u
}
_bench_models_and_data() { compgen -W "${_bench_names[model]} ${_bench_names[data]}" -- "$1"; }
"""

BASH_END = r"""
_bench_complete() {
  _shtab_bench "$@"
  # No space behind NAME=, its value is still to come.
  [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
  return 0
}
complete -o bashdefault -F _bench_complete bench
"""

ZSH = r"""
_bench_overrides() {
  local group
  for group in ${(k)_bench_names}; do
    if compset -P "$group="; then
      compset -P '*,'
      compadd -q -- ${=_bench_names[$group]}
      return
    fi
  done
  compadd -S '' -- ${(M)${=_bench_words}:#*=}
  compadd -- ${${=_bench_words}:#*=}
}
_bench_studies() { compadd -- ${=_bench_names[study]} results/*(/N:t) }
_bench_models_and_data() { compadd -- ${=_bench_names[model]} ${=_bench_names[data]} }
"""

COMPLETED = {"overrides": "_bench_overrides", "study": "_bench_studies", "what": "_bench_studies"}
"""Arguments by name, and the function of a shell that completes each."""


def completion(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script for `eval "$(bench completion bash)"`, or for a file `_bench` on zsh's `fpath`.

    Names are those that there are now: make it anew when models, data sets or studies are added.

    Args:
        parser: of every command.
        shell: one of `SHELLS`.

    Raises:
        BenchError: shtab is not installed.
    """
    if not installed("shtab"):
        missing = "bench completion: shtab is not installed; the extra brings it"
        raise BenchError(f"{missing}: pip install -e '.[completion]'")
    import shtab

    for command, action in arguments_of(parser):
        function = COMPLETED.get(action.dest)
        if command in ("check", "list") and action.dest == "name":
            function = "_bench_models_and_data"
        if function is not None and not action.choices and not action.option_strings:
            action.complete = dict.fromkeys(SHELLS, function)  # type: ignore[attr-defined]
    preamble = names_in_bash() + BASH if shell == "bash" else names_in_zsh() + ZSH
    script: str = shtab.complete(parser, shell=shell, preamble=preamble)
    return script + BASH_END * (shell == "bash")


def arguments_of(parser: argparse.ArgumentParser, command: str = "") -> Iterator[tuple[str, argparse.Action]]:
    """Every argument of every command, with the command's name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                yield from arguments_of(sub, name)
        else:
            yield command, action


def names() -> Mapping[str, str]:
    """The names of each configuration group, between blanks."""
    return {group: " ".join(choice.name for choice in group_choices(group)) for group in GROUPS}


def words() -> str:
    """What an override begins with: the groups, and the options of config.yaml."""
    return " ".join(dict.fromkeys([*(f"{group}=" for group in GROUPS), *options_of(Config)]))


def options_of(schema: type, prefix: str = "") -> Iterator[str]:
    """Every option of a dataclass as `NAME=`, those of its groups with the group's name before them."""
    hints = get_type_hints(schema)
    for one in fields(schema):
        name = f"{prefix}{one.name}"
        if is_dataclass(hints[one.name]):
            yield from options_of(hints[one.name], f"{name}.")
        else:
            yield f"{name}="


def names_in_bash() -> str:
    """The names as bash declares them."""
    pairs = " ".join(f"[{group}]={shlex.quote(text)}" for group, text in names().items())
    return f"declare -gA _bench_names=({pairs})\n_bench_words={shlex.quote(words())}\n"


def names_in_zsh() -> str:
    """The names as zsh declares them."""
    pairs = " ".join(f"{group} {shlex.quote(text)}" for group, text in names().items())
    return f"typeset -gA _bench_names=({pairs})\ntypeset -g _bench_words={shlex.quote(words())}\n"
