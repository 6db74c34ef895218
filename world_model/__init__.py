"""Video and actions -> a model that imagines: training, checkpoints, and ``observe`` and ``imagine``.

    from rehearse.world_model import WorldModel, load, preset, train

Datasets are in ``rehearse.world_model.data``, exchangeable dynamics in ``rehearse.world_model.backbones``.
"""

from rehearse.world_model.checkpoint import describe, load, save, shipped_checkpoint
from rehearse.world_model.config import ModelConfig, TrainConfig, for_few, for_video, preset
from rehearse.world_model.metrics import evaluate
from rehearse.world_model.model import Belief, History, Imagined, WorldModel
from rehearse.world_model.train import Trained, train

__all__ = [
    "Belief",
    "History",
    "Imagined",
    "ModelConfig",
    "TrainConfig",
    "Trained",
    "WorldModel",
    "describe",
    "evaluate",
    "for_few",
    "for_video",
    "load",
    "preset",
    "save",
    "shipped_checkpoint",
    "train",
]
