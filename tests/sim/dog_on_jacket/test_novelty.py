"""Strange scenes are told from ordinary ones by the shipped model."""

import pytest

from rehearse.errors import ConfigError
from rehearse.sim.dog_on_jacket.novelty import SENSES, NoveltyConfig, measure
from rehearse.world_model import shipped_checkpoint


@pytest.mark.gl
def test_it_notices_what_it_has_never_seen():
    seen = []
    config = NoveltyConfig(layouts=6, steps=2, split="validation", workers=1)
    rows = measure(config, shipped_checkpoint("dog-on-jacket-tiny"), lambda: seen.append(1))
    assert len(seen) == 24
    found = {row["oddity"]: row for row in rows}
    assert all(found[kind]["blindness"] > 0.9 for kind in ("object", "camera", "blackout"))
    assert found["blackout"]["doubt"] > 0.9
    for row in rows:
        assert all(row[f"{name}_low"] <= row[name] <= row[f"{name}_high"] for name in SENSES)


def test_refusals():
    with pytest.raises(ConfigError, match="level"):
        NoveltyConfig(level="moon")
    with pytest.raises(ConfigError, match="2 layouts"):
        NoveltyConfig(layouts=1)
