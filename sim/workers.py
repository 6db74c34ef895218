"""Work in several processes of this machine, of which an error at the start is one error and not a silence.

    for episode in in_workers(work, items, workers=2, start=start_worker, arguments=(config,)): ...

``multiprocessing.Pool`` replaces a process that dies, for ever if every new one dies too. Here what goes wrong while
a process is prepared is raised where the results are read, and so is the death of a process. If the one that asked is
killed, they end as well.
"""

import atexit
import itertools
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from rehearse.errors import SetupError

Item, Result = TypeVar("Item"), TypeVar("Result")
AHEAD = 2  # items on their way, a process: none waits for work, and few are left to finish when it ends early


def in_workers(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    start: Callable[..., None],
    arguments: tuple = (),
    in_order: bool = False,
) -> Iterator[Result]:
    """What ``work`` makes of each item, as it is finished or in their order; ``start`` prepares every process.

    Raises what ``start`` or ``work`` raised, and SetupError if a process died. All that is given must pickle.
    """
    context = multiprocessing.get_context("spawn")  # a forked process cannot share a GL context
    workers = min(workers, len(items))
    pool = ProcessPoolExecutor(workers, context, _prepare, (start, arguments))
    left, on_their_way = iter(items), []
    try:
        while True:
            for item in itertools.islice(left, AHEAD * workers - len(on_their_way)):
                on_their_way.append(pool.submit(_do, work, item))
            if not on_their_way:
                return
            ready = on_their_way[0] if in_order else _first(on_their_way)
            on_their_way.remove(ready)
            yield ready.result()
    except BrokenProcessPool as error:
        raise SetupError(
            "a process died at its work, as when memory runs out: give fewer --workers, or read above what it said"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _first(running: Sequence[Future]) -> Future:
    return wait(running, return_when=FIRST_COMPLETED).done.pop()


_failed: Exception | None = None  # of this process: why it could not be prepared


def _prepare(start: Callable[..., None], arguments: tuple) -> None:
    """An error is kept for the first item: an executor would only tell that there has been one."""
    global _failed
    threading.Thread(target=_end_with_parent, daemon=True).start()
    atexit.register(_end)
    try:
        start(*arguments)
    except Exception as error:  # whatever a task of somebody's own may raise
        _failed = error


def _end() -> None:
    """At once: renderers that are freed while Python tidies up complain that OpenGL is gone already."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _end_with_parent() -> None:
    """An executor's processes would outlive a parent that is killed, and wait for work for ever."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _do(work: Callable[[Item], Any], item: Item) -> Any:
    if _failed is not None:
        raise _failed
    return work(item)
