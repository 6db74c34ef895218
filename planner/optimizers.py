"""Every optimizer by name, with the settings that it is known by.

make_optimizer("icem", futures=512)
"""

from collections.abc import Callable

from rehearse.errors import ConfigError
from rehearse.planner.cem import CEM, CEMConfig
from rehearse.planner.dial import DIAL, DIALConfig
from rehearse.planner.icem import ICEM, ICEMConfig
from rehearse.planner.mppi import MPPI, MPPIConfig
from rehearse.planner.predictive import PredictiveConfig, PredictiveSampling
from rehearse.planner.protocols import Optimizer

OPTIMIZERS: dict[str, Callable[[int], Optimizer]] = {
    "cem": lambda futures: CEM(CEMConfig(futures=futures)),
    "icem": lambda futures: ICEM(ICEMConfig(futures=futures)),
    "mppi": lambda futures: MPPI(MPPIConfig(futures=futures, iterations=4)),
    "dial": lambda futures: DIAL(DIALConfig(futures=futures)),
    "predictive": lambda futures: PredictiveSampling(PredictiveConfig(futures=futures, iterations=4)),
}


def make_optimizer(name: str, futures: int) -> Optimizer:
    """The optimizer called ``name`` with a budget of ``futures`` per decision; ConfigError lists the known names."""
    if name not in OPTIMIZERS:
        raise ConfigError(f"unknown optimizer '{name}'; choose one of {', '.join(OPTIMIZERS)}")
    return OPTIMIZERS[name](futures)
