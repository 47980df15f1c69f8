"""The plot of mean ranks over data sets."""

from bench.report.inert import plot_label
from bench.report.model_summary import ModelSummary
from bench.report.ranks import FEWEST_BLOCKS, ranks_of
from bench.report.style import WIDTH, Plot, Style, figure, png

ALL_DATA = "all data sets"
"""The section of plots that are about more than one data set."""


def ranks(cells: list[ModelSummary], look: dict[str, Style]) -> Plot | None:
    """Mean rank of each entry, and the difference that would tell two apart."""
    found = ranks_of(cells)
    if found is None:
        return None
    names = list(found.means)
    height = 0.3 * len(names) + 1.3
    fig = figure(height=height)
    left = 0.3 + 0.085 * max(map(len, names))
    axes = fig.add_axes((left / WIDTH, 0.55 / height, (WIDTH - left - 0.2) / WIDTH, (height - 1.1) / height))
    for row, name in enumerate(reversed(names)):
        axes.plot(found.means[name], row, look[name].marker, color=look[name].colour, ms=7)
    top = len(names) - 0.35
    axes.plot([1, 1 + found.critical], [top, top], color="black", lw=2, clip_on=False)
    words = f"critical difference {found.critical:.2f}"
    axes.annotate(words, (1, top), (0, 4), textcoords="offset points", fontsize=9, annotation_clip=False)
    axes.set(ylim=(-0.5, len(names) - 0.4), yticks=range(len(names)), xlabel="mean rank by test NLL (1 is best)")
    axes.set_xlim(0.8, max(len(names), 1 + found.critical) + 0.2)
    axes.set_yticklabels([plot_label(name) for name in reversed(names)])
    few = f"{found.blocks} independent data sets, fewer than {FEWEST_BLOCKS}: ranks decide nothing"
    if not found.decide:
        fig.text(0.02, 0.985, few, ha="left", va="top", fontsize=9, color="#b00020")
    words = "; ".join(f"{name} {mean:.2f}" for name, mean in found.means.items())
    return Plot(
        "ranks",
        ALL_DATA,
        "Mean rank over data sets",
        f"Mean rank by test NLL over {found.blocks} independent data sets, {ALL_DATA}: {words}.",
        f"Ranks of the models that were measured on every data set, at the largest budget, tuned where they were. Data "
        f"sets of known density count as one. Two models differ where their ranks are {found.critical:.2f} apart "
        f"(Demšar 2006). {'' if found.decide else f'There are {few}.'}".strip(),
        png(fig),
    )
