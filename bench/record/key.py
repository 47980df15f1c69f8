"""The two keys: of a run, all that decides its weights, and of an evaluation, all that decides its numbers.

A key is a hash of contents, not of names. Options at their default are left out, so that a new option leaves every id
as it was; so is what the bench computes, such as a matched width. The origin of a row (`bench.record.provenance`)
stands beside the keys.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from bench.config import DEFAULT, Config
from bench.record.store import Record

Content = dict[str, Any]
"""What a key hashes, as JSON."""

TRAINING_VERSION = 3
"""Raised when a default of the schema or the training loop changes weights on purpose.

2: validation after every 2 % of the budget, and patience as a share of it.
3: FLOPs of a step are counted after every 25th interval, which moves where a budget of FLOPs ends for an ODE."""

EVALUATION_VERSION = 5
"""Raised when an evaluation changes the numbers of the same weights on purpose.

2: floors of sample metrics are means over random draws of training examples, no longer of the first of the file.
3: likelihoods are means over draws of the dequantisation noise.
4: features of digits are of a classifier a fold; evaluations of a field are a mean over all calls.
5: the likelihood gap takes the row's own likelihoods of test examples, where they are of the entry's own density."""

SEED_PLACE = "the seed stands here"
DIGITS = 8
"""Hexadecimal digits of the hash in an id."""


def digest(content: Any) -> str:
    """SHA-256 of the content as JSON with sorted names."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def short(content: Any) -> str:
    """The first digits of the content's hash."""
    return digest(content)[:DIGITS]


@dataclass(frozen=True)
class Place:
    """Names that a row carries beside its keys.

    Attributes:
        study: folder under results/.
        data, model: names of the YAMLs.
        rung: share of the top budget that the run has.
        setting: of the entry, see `bench.config.Tune`.
        tuning_required: whether the study ranks tuned runs alone.
    """

    study: str
    data: str
    model: str
    rung: float = 1.0
    setting: str = DEFAULT
    tuning_required: bool = False


class RunKey:
    """The keys that runs of one configuration share but for their seed.

    They are JSON with a place for the seed: each seed's hash then costs microseconds, which grids of 100,000 need.

    Attributes:
        content: of the run's key, but for the seed: `model`, `data`, `source`, `budget`, `train` and versions.
        evaluation: of the evaluation's key, but for the run's.
    """

    def __init__(self, place: Place, content: Content, evaluation: Content) -> None:
        """`content` and `evaluation` are JSON; see `bench.setup.identity`."""
        self.place, self.content, self.evaluation = place, content, evaluation
        text = json.dumps({**content, "seed": SEED_PLACE}, sort_keys=True)
        self._before, self._after = text.split(json.dumps(SEED_PLACE))

    def run_hash(self, seed: int) -> str:
        """SHA-256 of the run's key."""
        return hashlib.sha256(f"{self._before}{json.dumps(seed)}{self._after}".encode()).hexdigest()

    def run_id(self, seed: int) -> str:
        """`<data>-<model>-s<seed>-<hash8>`."""
        return f"{self.place.data}-{self.place.model}-s{seed}-{self.run_hash(seed)[:DIGITS]}"

    def evaluation_hash(self, seed: int) -> str:
        """The first digits of the hash of the evaluation's key."""
        return short({"run": self.run_hash(seed), **self.evaluation})

    def identity(self, seed: int) -> Record:
        """The first columns of a row: its place, its seed and its keys, with the parts that names do not show."""
        return {
            "study": self.place.study,
            "run_id": self.run_id(seed),
            "data": self.place.data,
            "model": self.place.model,
            "seed": seed,
            "rung": self.place.rung,
            "setting": self.place.setting,
            "untuned": True if self.place.tuning_required and self.place.setting == DEFAULT else None,
            "evaluation": self.evaluation_hash(seed),
            "data_hash": short(self.content.get("data")),
            "source_hash": short(self.content["source"]) if self.content.get("source") else None,
            "entry_version": self.content.get("entry_version"),
            "training_version": self.content.get("training_version"),
            "evaluation_version": self.evaluation.get("version"),
        }


def configuration_key(config: Config) -> RunKey:
    """The key of a cell that ended before its data and modules were known, by the words of its configuration alone.

    An option that a model gains later is a word more, and changes it.
    """
    content = asdict(config)
    for name in ("seed", "study", "results_dir", "data_root", "grid", "tune", "track"):
        content.pop(name)
    return RunKey(place_of(config), {"unresolved": content}, {})


def place_of(config: Config) -> Place:
    """The names of a configuration's rows."""
    names = config.study, config.data["name"], config.model["name"]
    return Place(*names, config.budget.rung, config.tune.setting, config.tune.required)
