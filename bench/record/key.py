"""The key of a run: a hash of all that decides its record, from which its id is made.

Of the code only a user's own entry is in the key; the commit of the project's stands in the record.
"""

import hashlib
import inspect
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.config import NOT_IDENTITY, Config
from bench.record.store import Record

SEED_PLACE = "the seed stands here"
DIGITS = 8
"""Hexadecimal digits of the hash in an id."""


class RunKey:
    """The key that runs of one configuration share but for their seed: JSON with a place for it.

    Each seed's hash then costs microseconds, which grids of 100,000 seeds need.
    """

    def __init__(self, config: Config, device_type: str, entry_class: type) -> None:
        """Reads the configuration, and the source of an entry that is not the project's own.

        Args:
            config: of any seed.
            device_type: `cpu` or `cuda`, as chosen.
            entry_class: the class that `config.model` names.
        """
        content: dict[str, Any] = asdict(config)
        for option in NOT_IDENTITY:
            group, _, name = option.rpartition(".")
            (content[group] if group else content).pop(name, None)
        content["device"] = device_type
        content["seed"] = SEED_PLACE
        if not config.model["_target_"].startswith("bench."):
            content["source"] = Path(inspect.getfile(entry_class)).read_text()
        self.study = config.study
        self.data, self.model = config.data["name"], config.model["name"]
        self.before, self.after = json.dumps(content, sort_keys=True).split(json.dumps(SEED_PLACE))

    def run_id(self, seed: int) -> str:
        """`<data>-<model>-s<seed>-<hash8>`."""
        text = f"{self.before}{json.dumps(seed)}{self.after}"
        return f"{self.data}-{self.model}-s{seed}-{hashlib.sha256(text.encode()).hexdigest()[:DIGITS]}"

    def identity(self, seed: int) -> Record:
        """The first columns of a run's record: study, run_id, data, model, seed."""
        return {
            "study": self.study,
            "run_id": self.run_id(seed),
            "data": self.data,
            "model": self.model,
            "seed": seed,
        }
