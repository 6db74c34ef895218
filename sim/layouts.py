"""Seeds of layouts, that cannot leak between splits, whatever the task.

    rng = np.random.default_rng(layout_seed("test", 3))

A layout is one draw of everything that varies in a task. The splits are separate by construction: a layout seed
carries its split.
"""

from rehearse.errors import ConfigError

SPLITS = ("train", "validation", "test")
LAYOUTS_PER_SEED = 1_000_000  # a run with seed s uses the layouts s * LAYOUTS_PER_SEED + i


def layout_seed(split: str, index: int) -> tuple[int, int]:
    """Seed of layout ``index`` of a split; different splits share no seed, whatever the index."""
    if split not in SPLITS:
        raise ConfigError(f"unknown split {split!r}; choose one of {', '.join(SPLITS)}")
    if index < 0:
        raise ConfigError(f"layout index must be >= 0, got {index}")
    return (SPLITS.index(split), index)
