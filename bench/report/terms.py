"""Words of the page and their meanings: those of columns are the glossary's, of `bench.record.columns`."""

from bench.record.columns import COLUMNS
from bench.record.sample_metrics import SAMPLE_METRICS
from bench.report.layouts import layouts

OWN = {
    "sure": "The first is told apart from every other model, by simultaneous tests over seeds and test examples. Each "
    "has the values of its own trials: a longer search for one of them may change that.",
    "family sure": "The first is told apart from every model of another family, not from every one of its own.",
    "undecided": "Not every model is told apart from the first: other seeds or examples may put another one first.",
    "open": "No model is named first.",
    "not told apart": "The simultaneous tests at 5 % over seeds and test examples do not tell it from the first.",
    "not tested": "Nothing is known of the error of the difference, as of a single seed, or of how loose the model's "
    "bound is: its likelihood may be that of the first.",
    "cost": "Seconds of one run's training, of the trials that chose its settings, and of drawing 1,000 samples. Those "
    "of training are of its steps alone on the machine, where `bench retime` has timed them.",
    "rank": "Place by test NLL among trained models that are compared with each other. References fitted in one go, "
    "the true density and controls have none. = marks models that are not told apart from the first.",
    "behind the best, nats": "NLL less that of the best, with its own 95 % interval. Bold: told apart, by simultaneous "
    "tests. A bound makes it one: ≤ where the row's NLL is one, ≥ where the best's is, ~ where both are.",
    "family": COLUMNS["family"].meaning,
    "model": COLUMNS["model"].meaning,
    "data": COLUMNS["data"].meaning,
    "budget": COLUMNS["rung"].meaning,
    "setting": COLUMNS["setting"].meaning,
    "seeds": "Finished of all runs; only finished ones are averaged.",
    "off the floor by": "How many of the metrics of samples lie outside the range of fresh real examples.",
    "real": "A control: fresh training examples in place of samples.",
    "copycat": "A control: training examples returned as samples.",
    "oracle": "The true density.",
    "command": COLUMNS["command"].meaning,
    "tuning, s": COLUMNS["tuning_seconds"].meaning,
    "best step": COLUMNS["best_step"].meaning,
    "shared machine": COLUMNS["shared_machine"].meaning,
    "commit": COLUMNS["git_commit"].meaning,
    "run": COLUMNS["run_id"].meaning,
    "best": "The model of the lowest mean test NLL that the row's model is compared with.",
    "NLL behind the best, nats": "NLL less that of the best, with its own 95 % interval.",
    "verdict": "Whether the simultaneous tests at 5 % tell the model from the best; not tested: nothing is known of an "
    "error, or of how loose its bound is.",
    "entry": "A model with its options and data, for which trials choose the learning rate and a further option.",
    "at the best": "Validation of the trials at the best learning rate, by the value of the further option.",
    "chosen": "The values that the entry is trained with where it is tuned.",
    "trials": "Trainings that the values were chosen by: as many for each entry.",
    "seconds": "Of all of the entry's trials together.",
}
"""Words that no column has."""


def meanings() -> dict[str, str]:
    """Heading or word -> what it means."""
    known = {name: column.meaning for name, column in COLUMNS.items()}
    known |= {text: COLUMNS[column].meaning for layout in layouts() for column, text in layout.about}
    for layout in layouts():
        known |= {metric.heading: COLUMNS[metric.column].meaning for metric in layout.metrics}
    known |= {metric.heading: metric.meaning for metric in SAMPLE_METRICS.values()}
    return known | OWN
