"""The tree of imagined histories as a figure: what was done as the trunk, what was imagined as branches.

    svg = tree_figure(plans, step=4)        # Markup; plans of a run, the decision that is opened

A panel a signal. Branches are coloured by why they lost: harm, doubt, or being slow. Those of the opened decision stand
out; the trunk is what the chosen plans promised, decision after decision.
"""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rehearse.figures import COLOUR, FONT_PT, WIDTH_IN, panel, to_svg
from rehearse.planner import Candidate, Plan, why

PANEL_IN, TITLE_IN, LABELS_IN, LEGEND_IN = 1.7, 0.25, 0.25, 0.32  # heights
REASONS = {  # kinds of cost -> what they are called, and the role that colours them
    "harm": (("hazard", "chance", "excess"), "wake"),
    "doubt": (("disagreement",), "muted"),
    "slow or astray": ((), "script"),
}


def tree_figure(plans: Sequence[Plan], step: int, names: Sequence[str] = ()) -> Markup:
    """The run's tree for signals ``names``, by default those that the objective reads, at most three."""
    names = list(names) or shown_signals(plans[step])
    figure = Figure(figsize=(1.6 * WIDTH_IN, LEGEND_IN + PANEL_IN * len(names)))
    height = figure.get_figheight()
    for row, name in enumerate(names):
        bottom = LEGEND_IN + LABELS_IN + PANEL_IN * (len(names) - 1 - row)
        axes = panel(figure, (0.08, bottom / height, 0.90, (PANEL_IN - LABELS_IN - TITLE_IN) / height))
        for number, plan in enumerate(plans):
            _branches(axes, plan, name, opened=number == step)
        _trunk(axes, plans, name)
        axes.axvline(plans[step].times_s[0], color=COLOUR["ink"], lw=0.8, ls=(0, (1, 2)))
        axes.set_title(name, color=COLOUR["ink"], fontsize=FONT_PT, loc="left", pad=4)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} s")
        axes.locator_params(axis="x", nbins=8)
        axes.margins(x=0.01)
    _legend(figure)
    return to_svg(figure, f"imagined histories, decision {step} opened")


def shown_signals(plan: Plan) -> list[str]:
    """The signals that parts of the cost are named after; without any, the first two."""
    chosen = plan.kept[0]
    read = dict.fromkeys(label.partition(" ")[2] for label in chosen.parts)
    return [name for name in read if name in chosen.signals][:3] or list(chosen.signals)[:2]


def _role(candidate: Candidate, chosen: Candidate) -> str:
    kind = why(candidate, chosen)[0].partition(" ")[0]
    return next((role for kinds, role in REASONS.values() if kind in kinds), "script")


def _branches(axes: Axes, plan: Plan, name: str, opened: bool) -> None:
    chosen, width, opacity = plan.kept[0], *((1.2, 0.85) if opened else (0.6, 0.14))
    for candidate in plan.kept[1:]:
        values, colour = candidate.signals[name], COLOUR[_role(candidate, chosen)]
        axes.plot(_arrivals_s(plan, len(values)), values, color=colour, lw=width, alpha=opacity)
    if opened:
        values = chosen.signals[name]
        axes.plot(_arrivals_s(plan, len(values)), values, color=COLOUR["calm"], lw=2.6, zorder=4)


def _trunk(axes: Axes, plans: Sequence[Plan], name: str) -> None:
    arrivals_s = [_arrivals_s(plan, 1)[0] for plan in plans]
    axes.plot(arrivals_s, [plan.kept[0].signals[name][0] for plan in plans], color=COLOUR["ink"], lw=1.4, zorder=3)


def _arrivals_s(plan: Plan, steps: int) -> np.ndarray:
    """When each imagined step has been made (steps,); committed actions come before the plan's first."""
    period_s = float(plan.times_s[1] - plan.times_s[0]) if len(plan.times_s) > 1 else 1.0
    committed = len(plan.kept[0].actions) - len(plan.actions)
    return plan.times_s[0] + period_s * (np.arange(steps) + 1 - committed)


def _legend(figure: Figure) -> None:
    entries = {"what was done": "ink", "chosen": "calm"} | {
        f"lost: {word}": role for word, (_, role) in REASONS.items()
    }
    lines = [Line2D([], [], color=COLOUR[role], lw=2) for role in entries.values()]
    place = dict(loc="lower left", bbox_to_anchor=(0.07, 0.0), ncols=len(entries), frameon=False)
    figure.legend(
        lines, entries, fontsize=FONT_PT, labelcolor=COLOUR["ink"], handlelength=1.2, columnspacing=1.6, **place
    )
