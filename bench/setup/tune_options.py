"""What tuning adds to a composed configuration: the knob that its entry declares, and the folder of its trials."""

from bench.config import TRIAL, Config
from bench.errors import BenchError, unknown

DECLARED = ("learning_rate", "knob")
"""What `tuning` in a model's YAML may say."""
TUNING = "tuning"
"""In a study's folder: the folder of its trials."""


def take_declared(config: Config) -> None:
    """Takes what the model's YAML declares of tuning out of the entry's own options: its knob.

    Raises:
        BenchError: it declares something else.
    """
    declared = config.model.pop("tuning", None) or {}
    where = f"conf/model/{config.model.get('name')}.yaml: tuning"
    for name in declared:
        if name not in DECLARED:
            raise unknown("option", str(name), DECLARED, where)
    knob = declared.get("knob", config.tune.knob)
    lists = isinstance(knob, dict) and all(isinstance(values, list) for values in knob.values())
    if knob is not None and not lists:
        raise BenchError(f"{where}.knob: give one option and a list of values, such as {{input_gain: [1.0, 2.0, 4.0]}}")
    config.tune.knob = knob


def place_trial(config: Config) -> None:
    """Puts the results of a trial into the folder of its study, in `tuning`; those of any other run stay."""
    if config.tune.setting == TRIAL:
        config.results_dir, config.study = f"{config.results_dir}/{config.study}", TUNING
