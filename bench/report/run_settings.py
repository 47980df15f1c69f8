"""The settings of runs, as they come and tuned, held against what the trials of their study chose."""

from collections import Counter
from collections.abc import Iterable, Sequence

from bench.config import BOTH, DEFAULT, is_tuned
from bench.report.study import Run, words_of
from bench.tuning.choice import Subject, at_trial_rung, seconds_of
from bench.tuning.file import CHOSEN, Trial
from bench.tuning.space import RATE, option_of, options_of


def with_tuning(runs: Iterable[Run], trials: Sequence[Trial]) -> None:
    """Gives rows the setting `default=tuned` where the trials chose what the entry comes with, and every tuned one the
    seconds of its trials.

    A run that was made before it was chosen knows nothing of that.
    """
    groups = at_trial_rung(trials)
    seconds = {subject: seconds_of(own) for subject, own in groups.items()}
    chosen = {subject: one for subject, own in groups.items() for one in own if one.mark == CHOSEN}
    for run in runs:
        subject = subject_of(run)
        if run.get("setting") == DEFAULT and subject in chosen and comes_with(run, chosen[subject]):
            run["setting"] = BOTH
        if is_tuned(run.get("setting")):
            run["tuning_seconds"] = seconds.get(subject)


def at(run: Run) -> tuple[float | None, str | None]:
    """Rung and setting of a run: what tells rows of one label apart."""
    return run.get("rung"), run.get("setting")


def subject_of(run: Run) -> Subject:
    """What a run's settings are chosen for."""
    knob = (run.get("knob") or "").partition("=")[0] or None
    words = words_of(run)[2:]
    if "--config-dir" in words:
        place = words.index("--config-dir")
        del words[place : place + 2]
    return run["data"], run.get("fold"), run["model"], options_of(words, knob)


def comes_with(run: Run, chosen: Trial) -> bool:
    """True where a run had the chosen settings."""
    knob = not chosen.knob or run.get("knob") == f"{chosen.knob}={chosen.value}"
    return run.get("learning_rate") == chosen.learning_rate and knob


def without_choices(group: Sequence[Run], settings: Sequence[dict[str, str]]) -> None:
    """Gives the tuned runs of a model the rate and the knob of those that are as they come: which values were chosen
    does not tell rows apart, as it may differ from fold to fold."""
    pairs = list(zip(group, settings, strict=True))
    for run, own in pairs:
        if is_tuned(run.get("setting")):
            for name in chosen_options(run):
                usual = Counter(other[name] for one, other in pairs if one.get("setting") == DEFAULT and name in other)
                own.pop(name, None)
                own |= {name: usual.most_common(1)[0][0]} if usual else {}


def chosen_options(run: Run) -> list[str]:
    """The options that trials of a run's entry choose."""
    knob = (run.get("knob") or "").partition("=")[0]
    return [RATE, *([option_of(knob)] if knob else [])]


def unchosen_words(run: Run) -> list[str]:
    """The words of a run's command without what its trials chose; of a run that is as it comes all of them."""
    words = words_of(run)
    if not is_tuned(run.get("setting")):
        return words
    left_out = [f"{option}=" for option in chosen_options(run)] + (["tune."] if run["setting"] == BOTH else [])
    return [word for word in words if not word.startswith(tuple(left_out))]
