"""The folder of a study in a folder of results."""

import re
from pathlib import Path

from bench.errors import BenchError, unknown

OF_DATA = r"-.+-[0-9a-f]{8}"
"""What stands behind a study's name in the folder of one that is by data, see `bench.setup.place_study`."""


def study_folder(study: str, results_dir: Path) -> Path:
    """The folder of a study; that of a study by data where there is one alone.

    Raises:
        BenchError: there is none; the message names the nearest that exist.
    """
    folder = results_dir / study
    if folder.is_dir():
        return folder
    known = sorted(path.name for path in results_dir.iterdir() if path.is_dir()) if results_dir.is_dir() else []
    of_data = [name for name in known if re.fullmatch(re.escape(study) + OF_DATA, name)]
    if len(of_data) == 1:
        return results_dir / of_data[0]
    if of_data:
        raise BenchError(f"{study}: one folder for each data set, {', '.join(of_data)}; name one of them")
    raise BenchError(f"{unknown('study', study, known, str(results_dir))}; `bench run study=NAME` makes one")
