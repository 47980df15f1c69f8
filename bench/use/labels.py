"""The class that a user's own label names."""

from bench.data.stored_space import StoredSpace
from bench.errors import BenchError, unknown
from bench.models.entry import Entry


def class_of(label: int | str, entry: Entry, stored: StoredSpace, run: str) -> int:
    """The number of the class that a user's label names.

    Args:
        label: by its name, or the number of a class without names.
        entry: of the run.
        stored: what is known of its data.
        run: its name in an error.

    Raises:
        BenchError: the model takes no label, or not this one.
    """
    classes, names = stored.spec.classes, stored.class_names
    if not (entry.conditional and classes):
        raise BenchError(f"{run}: this model takes no label; leave it out")
    if names and str(label) not in names:
        raise unknown("label", str(label), names, run)
    if not names and str(label) not in map(str, range(classes)):
        raise BenchError(f"{run}: label {label}; its classes are 0 to {classes - 1}")
    return names.index(str(label)) if names else int(label)
