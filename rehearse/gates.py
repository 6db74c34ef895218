"""Gates on an evaluation: what must hold before a change is let in, and the verdicts in the forms that CI reads.

    verdicts = judge(result, Rules(min_success=0.8, delta=0.05), baseline)
    junit(verdicts); markdown(verdicts)

A gate on a rate itself (``min_success``, ``max_harm``) looks at the observed rate: the same seed gives the same
episodes, so it cannot flicker. A gate against a baseline fails only where the evidence is clear: the whole 95 %
interval of the paired difference lies beyond ``delta``, and the exact McNemar test says that it is no chance (a test of
non-inferiority turned round, so that a small n does not fail everyone who changes a comma). What such a gate cannot see
is said beside its verdict: in how many of a hundred such evaluations it would catch a loss of ten points.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from rehearse.errors import ConfigError
from rehearse.recorded import CONDITIONS, options_of, task_of
from rehearse.sim.compare import Change, compare
from rehearse.sim.power import loss_caught
from rehearse.sim.tasks import DEFAULT

LOSS = 0.10  # for which the power of a gate is told
SHOWN = 5  # layouts that a failed gate names


@dataclass(frozen=True)
class Rules:
    """Shares in [0, 1]; None asks nothing. ``delta``: how much worse than the baseline is still let pass."""

    min_success: float | None = None
    max_harm: float | None = None
    delta: float = 0.05

    def __post_init__(self) -> None:
        for name in ("min_success", "max_harm", "delta"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ConfigError(f"{name} is {value}; it is a share, between 0 and 1")


@dataclass(frozen=True)
class Verdict:
    """One gate: its name, whether it holds, and the figures in words.

    ``caught``: the share of such evaluations in which the gate would see a change for the worse of ``LOSS``, at least
    and at most (power.py); None for a gate that compares with no baseline.
    """

    method: str
    gate: str
    passed: bool
    reason: str
    caught: tuple[float, float] | None = None


def judge(result: dict, rules: Rules, methods: Sequence[str], baseline: dict | None = None) -> list[Verdict]:
    """Every gate that applies to ``methods`` of a result (and baseline) as ``rehearse eval --json`` writes it.

    ConfigError or DataError if that cannot be judged.
    """
    for name, given in (("result", result), ("baseline", baseline or {})):
        if "decision" in given:  # it ended because of what its episodes were: rates and differences of such lean
            raise ConfigError(f"the {name} ended when it was decided; evaluate a fixed number of layouts for a gate")
    rows = {row["method"]: row for row in result["rows"]}
    if missing := [method for method in methods if method not in rows]:
        raise ConfigError(f"the result has no row {', '.join(missing)}; it has {', '.join(rows)}")
    if not methods or (baseline is None and rules.min_success is None and rules.max_harm is None):
        raise ConfigError("there is nothing to judge: give --baseline, --min-success or --max-harm, and a method")
    harm = task_of(result["about"]).harm
    if harm is None and rules.max_harm is not None:
        raise ConfigError("nothing can be harmed in this task; leave out --max-harm")
    rates = ("success",) if harm is None else ("success", harm.event)
    if baseline is not None:
        _check_alike(baseline, result)
    verdicts = []
    for method in methods:
        row = rows[method]
        for name, bound, sign in zip(rates, (rules.min_success, rules.max_harm), (1, -1)):
            if bound is not None:
                side = "at least" if sign > 0 else "at most"
                said = f"{_rate(row, name)}, n {row['n']}; {side} {bound:.0%} is asked"
                verdicts.append(Verdict(method, f"{name} {side} {bound:.0%}", sign * (row[name] - bound) >= 0, said))
        if baseline is not None:
            verdicts += [_against(baseline, result, method, name, rules.delta) for name in rates]
    return verdicts


def _check_alike(baseline: dict, result: dict) -> None:
    """Raise ConfigError if the two were not made under the same conditions."""
    before, after = ({"task": DEFAULT} | about | options_of(about) for about in (baseline["about"], result["about"]))
    for name in dict.fromkeys((*CONDITIONS, "planner", "variations", "clock", *options_of(before), *options_of(after))):
        was, now = before.get(name), after.get(name)
        if name != "seed" and was != now:
            raise ConfigError(f"the baseline was made with {name} {was}, the result with {now}; evaluate both alike")


def _against(baseline: dict, result: dict, method: str, quantity: str, delta: float) -> Verdict:
    change = compare(baseline["episodes"], result["episodes"], method, quantity)
    good = quantity == "success"
    worse = change.clearly_lower(delta) if good else change.clearly_higher(delta)
    caught = loss_caught(change.before if good else 1 - change.before, change.n, LOSS, delta)
    name = f"{quantity} not {'lower' if good else 'higher'} than the baseline by over {delta:.0%}"
    reason = f"{_said(change)}. {_power(caught, good)}"
    if worse:
        first = ", ".join(map(str, change.changed[:SHOWN]))
        reason += f". Changed on layouts {first}{' ...' * (len(change.changed) > SHOWN)}: rehearse replay films them"
    return Verdict(method, name, not worse, reason, caught)


def _power(caught: tuple[float, float], good: bool) -> str:
    least, most = (f"{100 * share:.0f}" for share in caught)
    share = f"{least} %" if least == most else f"{least} % to {most} %"
    return f"With this n, a {'loss' if good else 'rise'} of {100 * LOSS:.0f} points is caught in {share} of evaluations"


def _said(change: Change) -> str:
    return (
        f"{change.before:.0%} before, {change.after:.0%} now: {change.difference:+.0%} "
        f"[{change.low:+.0%}, {change.high:+.0%}] over {change.n} layouts "
        f"(+{change.gained}, -{change.lost}; McNemar p {change.p_value:.2g})"
    )


def _rate(row: dict, name: str) -> str:
    return f"{row[name]:.0%} [{row[name + '_low']:.0%}, {row[name + '_high']:.0%}]"


def markdown(verdicts: Sequence[Verdict]) -> str:
    """A table for a comment on a pull request."""
    failed = sum(not verdict.passed for verdict in verdicts)
    head = f"**{failed} of {len(verdicts)} gates failed**" if failed else f"**All {len(verdicts)} gates hold**"
    lines = [head, "", "| | method | gate | figures |", "| --- | --- | --- | --- |"]
    lines += [f"| {'✅' if v.passed else '❌'} | `{v.method}` | {v.gate} | {v.reason} |" for v in verdicts]
    return "\n".join(lines) + "\n"


def undecided(error: Exception) -> tuple[str, bytes]:
    """Markdown and JUnit XML that say that nothing could be judged: an error, which is no failure."""
    suite = ElementTree.Element("testsuite", name="rehearse gate", tests="1", failures="0", errors="1")
    case = ElementTree.SubElement(suite, "testcase", classname="rehearse", name="gate")
    ElementTree.SubElement(case, "error", message=str(error))
    return f"**The gates could not be judged**\n\n{error}\n", ElementTree.tostring(suite, "utf-8", xml_declaration=True)


def junit(verdicts: Sequence[Verdict]) -> bytes:
    """JUnit XML, one test case per gate."""
    failures = str(sum(not verdict.passed for verdict in verdicts))
    counts = {"tests": str(len(verdicts)), "failures": failures, "errors": "0"}
    suite = ElementTree.Element("testsuite", name="rehearse gate", **counts)
    for verdict in verdicts:
        case = ElementTree.SubElement(suite, "testcase", classname=verdict.method, name=verdict.gate)
        if verdict.passed:
            ElementTree.SubElement(case, "system-out").text = verdict.reason
        else:
            ElementTree.SubElement(case, "failure", message=verdict.reason)
    return ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
