"""Episodes on disk and in batches: Clip, LeRobotDataset v3.0 writer and reader, and the decoded ClipCache."""

from rehearse.world_model.data.cache import ClipCache
from rehearse.world_model.data.clip import Clip
from rehearse.world_model.data.lerobot import LeRobotReader, LeRobotWriter

__all__ = ["Clip", "ClipCache", "LeRobotReader", "LeRobotWriter"]
