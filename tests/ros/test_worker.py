"""The thread with a letter box."""

import threading
from queue import Queue

from rehearse.ros_nodes.worker import Worker


def test_what_comes_while_it_works_is_taken_together_unless_it_is_to_be_alone() -> None:
    taken, may_go_on = Queue(), threading.Semaphore(0)

    def work(letters: list[str]) -> None:
        taken.put("".join(letters))
        assert may_go_on.acquire(timeout=10)

    worker = Worker("test", work)
    worker.give("a")
    assert taken.get(timeout=10) == "a"
    worker.give("b")
    worker.give("c")
    may_go_on.release()
    assert taken.get(timeout=10) == "bc"
    worker.give("d")
    worker.give("e", alone=True)
    may_go_on.release()
    assert taken.get(timeout=10) == "e"
    worker.give("f")
    may_go_on.release(2)
    worker.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "test"]
