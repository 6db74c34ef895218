"""The commands of ``rehearse``, one file each."""

from typing import Annotated

import tyro

from rehearse.commands.aggregate import Aggregate
from rehearse.commands.bench import Bench
from rehearse.commands.clone import Clone
from rehearse.commands.collect import Collect
from rehearse.commands.data import Data
from rehearse.commands.demo import Demo
from rehearse.commands.dream import Dream
from rehearse.commands.eval import Eval
from rehearse.commands.explain import Explain
from rehearse.commands.fidelity import Fidelity
from rehearse.commands.finetune import Finetune
from rehearse.commands.gate import Gate
from rehearse.commands.inspect import Inspect
from rehearse.commands.novelty import Novelty
from rehearse.commands.pretrain import Pretrain
from rehearse.commands.replay import Replay
from rehearse.commands.sweep import Sweep
from rehearse.commands.tasks import Tasks
from rehearse.commands.train import Train

COMMANDS = (
    Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Eval, tyro.conf.subcommand("eval")]
    | Annotated[Collect, tyro.conf.subcommand("collect")]
    | Annotated[Data, tyro.conf.subcommand("data")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Pretrain, tyro.conf.subcommand("pretrain")]
    | Annotated[Finetune, tyro.conf.subcommand("finetune")]
    | Annotated[Clone, tyro.conf.subcommand("clone")]
    | Annotated[Fidelity, tyro.conf.subcommand("fidelity")]
    | Annotated[Novelty, tyro.conf.subcommand("novelty")]
    | Annotated[Gate, tyro.conf.subcommand("gate")]
    | Annotated[Aggregate, tyro.conf.subcommand("aggregate")]
    | Annotated[Replay, tyro.conf.subcommand("replay")]
    | Annotated[Explain, tyro.conf.subcommand("explain")]
    | Annotated[Dream, tyro.conf.subcommand("dream")]
    | Annotated[Inspect, tyro.conf.subcommand("inspect")]
    | Annotated[Sweep, tyro.conf.subcommand("sweep")]
    | Annotated[Tasks, tyro.conf.subcommand("tasks")]
    | Annotated[Bench, tyro.conf.subcommand("bench")]
)
