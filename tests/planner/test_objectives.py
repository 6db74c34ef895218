"""Objectives against hand-made futures."""

import pytest
import torch

from rehearse.errors import ConfigError, DataError
from rehearse.planner import (
    ActionLimits,
    Arrival,
    Deadline,
    Disagreement,
    Effort,
    Excess,
    Futures,
    Goal,
    Hazard,
    Reach,
    Signal,
    Smoothness,
    Terminal,
    Toward,
)

# Two members, two futures, three steps.
PROGRESS = torch.tensor([[[0.0, 0.5, 1.0], [0.0, 0.0, 0.0]], [[0.0, 0.5, 1.4], [0.0, 0.0, 0.5]]])
WOKEN = torch.tensor([[[0.0, 0.1, 0.2], [0.0, 0.0, 0.0]], [[0.0, 0.6, 0.5], [0.0, 0.0, 0.1]]])
ACTIONS = torch.tensor([[[0.0], [1.0], [1.0]], [[1.0], [1.0], [1.0]]])
FUTURES = Futures(None, {"progress": PROGRESS, "woken": WOKEN}, torch.tensor([[0.0, 0.3, 0.6], [0.0, 0.0, 0.0]]))


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        (Reach("progress"), [0.5, 2.75 / 3]),
        (Reach("progress", risk="worst"), [0.5, 1.0]),
        (Reach("progress", target=0.5), [0.5 / 3, 1.25 / 3]),
        (Terminal("progress"), [0.0, 0.75]),
        (Terminal("progress", target=2.0, risk="worst"), [1.0, 2.0]),
        (Signal("progress"), [1.7 / 3, 0.25 / 3]),
        (Signal("progress", weight=-2.0, reduce="last", risk="worst"), [-2.0, 0.0]),
        (Signal("woken", reduce="max", risk="worst"), [0.6, 0.1]),
        (Hazard("woken"), [0.6, 0.1]),
        (Hazard("woken", risk="mean"), [0.4, 0.05]),
        (Hazard("woken", limit=0.5, steepness=10.0), [1.6, 0.1]),
        (Hazard("woken", latched=False), [0.8, 0.1]),
        (Excess("woken", above=0.2), [0.4, 0.0]),
        (Excess("woken", above=0.2, reduce="mean"), [0.7 / 3, 0.0]),
        (Excess("woken", above=0.2, risk="mean"), [0.15, 0.0]),
        (Disagreement(), [0.3, 0.0]),
        (Effort(), [2 / 3, 1.0]),
        (Smoothness(), [0.5, 0.0]),
        (ActionLimits((-1.0,), (1.0,)), [2 / 3, 1.0]),
        (ActionLimits((-4.0,), (2.0,), margin=0.5), [(2 / 3 - 0.5) ** 2 / 0.25 * 2 / 3, (2 / 3 - 0.5) ** 2 / 0.25]),
    ],
)
def test_values(objective, expected):
    torch.testing.assert_close(objective(FUTURES, ACTIONS), torch.tensor(expected))
    torch.testing.assert_close((3 * objective)(FUTURES, ACTIONS), 3 * torch.tensor(expected))


def test_terms_add_and_scale():
    objective = 2 * (Reach("progress") + 3 * Hazard("woken")) + Effort() * 0.5
    expected = (
        2 * Reach("progress")(FUTURES, ACTIONS)
        + 6 * Hazard("woken")(FUTURES, ACTIONS)
        + 0.5 * Effort()(FUTURES, ACTIONS)
    )
    torch.testing.assert_close(objective(FUTURES, ACTIONS), expected)
    parts = objective.parts(FUTURES, ACTIONS)
    assert list(parts) == ["reach progress", "hazard woken", "effort"]
    torch.testing.assert_close(sum(parts.values()), expected)
    torch.testing.assert_close(sum([Effort(), Effort()])(FUTURES, ACTIONS), 2 * Effort()(FUTURES, ACTIONS))


def test_any_callable_joins_in():
    def last_action(futures, actions):
        return actions[:, -1, 0]

    for objective in (Effort() + last_action, last_action + Effort()):
        parts = (2 * objective).parts(FUTURES, ACTIONS)
        assert set(parts) == {"effort", "last_action"}
        torch.testing.assert_close(parts["last_action"], torch.tensor([2.0, 2.0]))


def test_one_step_horizon():
    futures = Futures(None, {"progress": PROGRESS[..., :1], "woken": WOKEN[..., :1]}, torch.zeros(2, 1))
    objective = Reach("progress") + Hazard("woken") + Smoothness() + Effort() + Disagreement()
    assert objective(futures, ACTIONS[:, :1]).tolist() == [1.0, 2.0]


def test_a_deadline_expects_what_the_pace_of_the_second_half_leads_to():
    signal = torch.tensor([[[0.1, 0.1, 0.2, 0.3], [0.2, 0.3, 0.3, 0.3], [0.0, 0.4, 0.8, 1.2]]])
    futures = Futures(None, {"progress": signal}, torch.zeros(3, 4))
    short = lambda steps: Deadline("progress", steps)(futures, torch.zeros(3, 4, 1)).tolist()  # noqa: E731
    assert short(2) == pytest.approx([0.9, 0.7, 0.6])
    assert short(4) == pytest.approx([0.7, 0.7, 0.0])
    assert short(7) == pytest.approx([0.7 - 3 * 0.1, 0.7, 0.0])
    assert short(0) == short(1), "when time is up, the next step is what is left"
    assert Deadline("progress", 9)(
        Futures(None, {"progress": signal[..., :1]}, torch.zeros(3, 1)), torch.zeros(3, 1, 1)
    ).tolist() == pytest.approx([0.9, 0.8, 1.0])


def arrivals(signal, **settings):
    """Times of N futures as one member sees them."""
    signal = torch.tensor(signal)[None]
    futures = Futures(None, {"progress": signal}, torch.zeros(signal.shape[1:]))
    return Arrival("progress", period_s=0.5, **settings)(futures, torch.zeros(*signal.shape[1:], 1)).tolist()


def test_arrival_is_interpolated_within_the_horizon_and_extrapolated_beyond():
    within = [[1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0], [0.5, 0.75, 1.25, 2.0], [0.0, 2.0, 0.0, 0.0]]
    assert arrivals(within) == pytest.approx([0.5, 1.0, 1.25, 0.75]), "once there is enough"
    beyond = [[0.0, 0.1, 0.2, 0.3], [0.3, 0.2, 0.2, 0.2], [0.0, 0.0, 0.0, 0.01]]
    assert arrivals(beyond) == pytest.approx([0.5 * (4 + 7), 60.0, 60.0])
    assert arrivals(beyond, at_most_s=4.0) == [4.0, 4.0, 4.0]
    assert arrivals([[0.9], [1.0]]) == [60.0, 0.5], "one step has no pace"


def test_arrival_expects_over_the_times_of_the_members():
    soon, late = [[0.0, 1.0, 1.0, 1.0]], [[0.0, 0.0, 0.0, 1.0]]
    futures = Futures(None, {"progress": torch.tensor([soon, late])}, torch.zeros(1, 4))
    expected = {"mean": 1.5, "worst": 2.0}
    for risk, time_s in expected.items():
        arrival = Arrival("progress", period_s=0.5, risk=risk)
        assert arrival(futures, torch.zeros(1, 4, 1)).tolist() == pytest.approx([time_s])


def test_a_goal_of_several_signals_counts_the_path_and_its_end():
    x = torch.tensor([[[0.0, 3.0, 3.0]]])
    yaw = torch.tensor([[[2.0, 2.0, 0.0]]])
    futures = Futures(None, {"x_m": x, "yaw_rad": yaw}, torch.zeros(1, 3))
    distances = [(9 + 16) ** 0.5, 4.0, 0.0]
    goal = Goal({"x_m": 3.0, "yaw_rad": 0.0}, scale={"yaw_rad": 0.5})
    assert goal(futures, ACTIONS[:1]).tolist() == pytest.approx([sum(distances) / 3])
    elsewhere = Goal({"x_m": 1.0}, end=2.0, weight=3.0)
    assert elsewhere(futures, ACTIONS[:1]).tolist() == pytest.approx([3 * (5 / 3 + 2 * 2)])
    assert list(elsewhere.parts(futures, ACTIONS[:1])) == ["goal"]


def test_a_goal_is_told_by_the_members_apart():
    x = torch.tensor([[[0.0, 0.0]], [[0.0, 2.0]]])
    futures = Futures(None, {"x_m": x, "y_m": torch.zeros(1, 1, 2)}, torch.zeros(1, 2))
    assert Goal({"x_m": 2.0, "y_m": 0.0}, risk="worst")(futures, ACTIONS[:1]).tolist() == [4.0]
    assert Goal({"x_m": 2.0, "y_m": 0.0})(futures, ACTIONS[:1]).tolist() == [2.5]


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("k", [0, 1])
@pytest.mark.parametrize(
    "term",
    [
        Reach("s", target=0.5),
        Terminal("s"),
        Signal("s"),
        Deadline("s", 9),
        Arrival("s", 0.1),
        Hazard("s"),
        Excess("s", above=0.5),
        Goal({"s": 1.0}),
    ],
    ids=lambda term: type(term).__name__,
)
def test_what_is_not_finite_never_comes_out_as_a_price(term, bad, k):
    signal = torch.full((2, 3, 4), 0.25)
    signal[k, 1, -1] = bad
    costs = term(Futures(None, {"s": signal}, torch.zeros(3, 4)), torch.zeros(3, 4, 1))
    assert costs[[0, 2]].isfinite().all()
    if torch.tensor(bad).isnan() or not isinstance(term, Reach | Terminal | Deadline):  # endlessly good is good
        assert not costs[1].isfinite()


def test_toward_a_goal_prefers_the_path_that_is_there_sooner():
    goal = torch.tensor([1.0, 0.0])
    late, soon, never = torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0.0, 1.0, 1.0]), torch.zeros(3)
    latents = torch.stack([late, soon, never])[..., None] * goal
    futures = Futures(latents.bfloat16(), {}, torch.zeros(3, 3))
    torch.testing.assert_close(Toward(goal)(futures, ACTIONS), torch.tensor([2 / 6, 1 / 6, 3 / 6]))
    with pytest.raises(DataError, match=r"moment of \(3,\), the futures have moments of 2"):
        Toward(torch.zeros(3))(futures, ACTIONS)
    with pytest.raises(DataError, match="the futures have none"):
        Toward(goal)(FUTURES, ACTIONS)


def test_mistakes_are_named():
    with pytest.raises(DataError, match="they have: progress, woken"):
        Reach("wet")(FUTURES, ACTIONS)
    with pytest.raises(ConfigError, match="risk 'brave' is unknown"):
        Reach("progress", risk="brave")(FUTURES, ACTIONS)
    with pytest.raises(ConfigError, match="reduce 'median' is unknown"):
        Signal("progress", reduce="median")(FUTURES, ACTIONS)
    with pytest.raises(ConfigError, match="name at least one signal"):
        Goal({})
    with pytest.raises(ConfigError, match="scale names woken"):
        Goal({"progress": 1.0}, scale={"woken": 1.0})
    with pytest.raises(ConfigError, match="scales must be positive"):
        Goal({"progress": 1.0}, scale={"progress": 0.0})
    with pytest.raises(ConfigError, match="low must be below high"):
        ActionLimits((0.0, 1.0), (1.0, 1.0))
    with pytest.raises(ConfigError, match="margin"):
        ActionLimits((0.0,), (1.0,), margin=0.0)


def test_futures_name_the_field_that_does_not_fit():
    zeros = torch.zeros
    with pytest.raises(DataError, match=r"disagreement is \(4,\)"):
        Futures(None, {}, zeros(4))
    with pytest.raises(DataError, match=r"latents are \(4, 3, 8\), expected \(4, 2, D\)"):
        Futures(zeros(4, 3, 8), {}, zeros(4, 2))
    with pytest.raises(DataError, match=r"signal 'woken' is \(4, 2\), expected \(K, 4, 2\)"):
        Futures(None, {"woken": zeros(4, 2)}, zeros(4, 2)).signal("woken")
    torch.testing.assert_close(FUTURES.worst("woken")[0], torch.tensor([0.0, 0.6, 0.5]))
    torch.testing.assert_close(FUTURES.mean("woken")[0], torch.tensor([0.0, 0.35, 0.35]))
