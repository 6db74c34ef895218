"""Put the model that is to be judged into model/. Yours would come from your training; this takes the shipped one."""

import shutil
from pathlib import Path

from rehearse.world_model import shipped_checkpoint

weights = shipped_checkpoint("dog-on-jacket-tiny")
Path("model").mkdir(exist_ok=True)
for source in (weights, weights.with_suffix(".json")):
    shutil.copy(source, Path("model") / f"model{source.suffix}")
