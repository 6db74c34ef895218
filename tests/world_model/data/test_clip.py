"""A Clip takes what was sensed, and names the field that is wrong."""

import pickle

import numpy as np
import pytest

from rehearse.errors import DataError
from rehearse.world_model.data import Clip

FRAMES = np.zeros((3, 4, 4, 3), np.uint8)


def test_numbers_become_float32_and_bool_signals_become_events():
    clip = Clip(FRAMES, np.ones((3, 2)), None, {"woken": np.array([False, True, True]), "progress": [0, 0.5, 1]})
    assert clip.actions.dtype == clip.signals["woken"].dtype == np.float32
    assert clip.proprio is None
    assert len(clip) == 3
    assert clip.signal_kinds == {"woken": "event", "progress": "regression"}


def test_survives_the_way_through_a_process_pool():
    clip = pickle.loads(pickle.dumps(Clip(FRAMES, signals={"woken": np.array([0, 1, 1])}, events={"woken"})))
    assert clip.signal_kinds == {"woken": "event"}
    assert clip.frames.shape == FRAMES.shape


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"frames": FRAMES[:0]}, "frames"),
        ({"frames": FRAMES[..., :1]}, "frames"),
        ({"frames": FRAMES.astype(np.float32)}, "uint8"),
        ({"actions": np.ones((2, 4))}, "actions: 2 rows for 3 frames"),
        ({"actions": np.ones(3)}, "actions"),
        ({"actions": np.full((3, 2), np.nan)}, "actions: not finite at frame 0"),
        ({"actions": np.full((3, 2), 1e39)}, "actions: not finite"),
        ({"proprio": [["a"], ["b"], ["c"]]}, "proprio"),
        ({"signals": {"progress": np.array([0, np.inf, 1])}}, "progress.*frame 1"),
        ({"signals": {"a/b": np.zeros(3)}}, "a/b"),
        ({"signals": {"woken": np.array([0, 0.5, 1])}, "events": {"woken"}}, "woken"),
        ({"events": {"woken"}}, "woken"),
        ({"task": None}, "task"),
    ],
)
def test_refuses_and_names_the_field(fields: dict, named: str):
    with np.errstate(over="ignore"), pytest.raises(DataError, match=named):
        Clip(**{"frames": FRAMES, **fields})
