"""The command line: ``rehearse <command> --help``.

Exit codes: 0 fine, 1 tried and failed, 2 could not run. An error is one line; ``--debug`` shows where it came from.
"""

import os
import select
import sys
from typing import Any

from rehearse.errors import RehearseError
from rehearse.sim.gl import check


def main(arguments: list[str] | None = None) -> int:
    """Parse, run, and turn errors into one line and an exit code."""
    # One thread per process: on a busy machine a second one costs more than it brings. Before NumPy and torch load.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        return _run(_commands(), arguments)
    except RehearseError as error:
        if "--debug" in arguments:
            raise
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except OSError as error:  # a full disk, a folder that may not be written, a file where a folder should be
        if "--debug" in arguments:
            raise
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            return 1
        sys.stderr.write(f"error: {error}; see whether that path is right and may be written, and the disk has room\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; what was written down before is kept\n")
        return 1


def _nobody_reads() -> bool:
    """Whether the other end of a pipe, as of ``| head``, has had enough; what is still unsaid is then dropped."""
    pipe = select.poll()
    pipe.register(sys.stdout, 0)
    if not any(what & select.POLLERR for _, what in pipe.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its exit
    return True


def _commands() -> Any:
    try:
        from rehearse.commands import COMMANDS
    except (AttributeError, ImportError, RuntimeError):
        check()  # MuJoCo loads its GL library when it is imported: say what is missing, if it is that
        raise
    return COMMANDS


def _run(commands: Any, arguments: list[str]) -> int:
    import torch
    import tyro
    from rich.console import Console

    command = tyro.cli(
        commands,
        args=arguments,
        prog="rehearse",
        description="Imagine thousands of futures, then take the gentlest that works.",
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    torch.set_num_threads(1)
    check()
    command.check_json()
    return command.run(Console(stderr=True))


if __name__ == "__main__":
    sys.exit(main())
