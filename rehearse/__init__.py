"""Rehearse: imagine thousands of futures, then take the gentlest that works.

    from rehearse import MPC, WorldModel

The public names come from the rooms ``rehearse.world_model``, ``rehearse.planner`` and ``rehearse.sim``.
They are looked up when first used, so that ``import rehearse`` loads neither torch nor mujoco.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from rehearse.planner import MPC as MPC
    from rehearse.planner import CEMConfig as CEMConfig
    from rehearse.planner import MPCConfig as MPCConfig
    from rehearse.world_model import WorldModel as WorldModel
    from rehearse.world_model import load as load
    from rehearse.world_model import shipped_checkpoint as shipped_checkpoint

# public name -> the module that defines it
_PUBLIC = {
    "CEMConfig": "rehearse.planner",
    "MPC": "rehearse.planner",
    "MPCConfig": "rehearse.planner",
    "WorldModel": "rehearse.world_model",
    "load": "rehearse.world_model",
    "shipped_checkpoint": "rehearse.world_model",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    """Import the room that defines ``name`` and keep the result, so that the next look-up costs nothing."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'rehearse' has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """What tab completion shows."""
    return sorted({*globals(), *__all__})
