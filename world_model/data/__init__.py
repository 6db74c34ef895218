"""Episodes on disk and in batches: Clip, LeRobotDataset v3.0 writer and reader, the decoded ClipCache, plain video."""

from rehearse.world_model.data.cache import ClipCache
from rehearse.world_model.data.clip import Clip
from rehearse.world_model.data.lerobot import LeRobotReader, LeRobotWriter
from rehearse.world_model.data.videos import open_videos

__all__ = ["Clip", "ClipCache", "LeRobotReader", "LeRobotWriter", "open_videos"]
