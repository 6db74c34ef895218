"""Finished episodes outlive a kill: nothing lost, nothing twice, nothing mixed."""

import pytest

from rehearse.errors import ConfigError, DataError
from rehearse.sim.dog_on_jacket.task import TASK
from rehearse.sim.episode import Episode
from rehearse.sim.evaluate import EvalConfig, run_episodes
from rehearse.sim.ledger import Ledger

CONDITIONS = {"level": "half", "seed": "0"}


def episode(layout: int, method: str = "nothing") -> Episode:
    return Episode(method, layout, False, False, 4.0, 0.1, 0.0, 20, 0, 1.5)


def test_what_was_added_is_there_again(tmp_path):
    path = tmp_path / "new" / "rows.jsonl"
    with Ledger.open(path, CONDITIONS, TASK.harm) as ledger:
        assert ledger.episodes == {}
        ledger.add(episode(1))
        assert path.read_text().count("\n") == 2, "on disk at once"
        ledger.add(episode(2))
    with Ledger.open(path, CONDITIONS, TASK.harm) as ledger:
        assert ledger.episodes == {("nothing", 1): episode(1), ("nothing", 2): episode(2)}
        ledger.add(episode(3))
    with Ledger.open(path, CONDITIONS, TASK.harm) as ledger:
        assert [layout for _, layout in ledger.episodes] == [1, 2, 3]


def test_a_torn_line_is_cut_off(tmp_path):
    path = tmp_path / "rows.jsonl"
    with Ledger.open(path, CONDITIONS, TASK.harm) as ledger:
        ledger.add(episode(1))
        whole = path.read_bytes()
        ledger.add(episode(2))
    path.write_bytes(path.read_bytes()[: len(whole) + 9])
    with Ledger.open(path, CONDITIONS, TASK.harm) as ledger:
        ledger.add(episode(7))
    with Ledger.open(path, CONDITIONS, TASK.harm) as ledger:
        assert [layout for _, layout in ledger.episodes] == [1, 7]
    path.write_bytes(path.read_bytes()[:5])  # not even the first line was finished
    with Ledger.open(path, CONDITIONS, TASK.harm) as ledger:
        ledger.add(episode(8))
    with Ledger.open(path, CONDITIONS, TASK.harm) as ledger:
        assert [layout for _, layout in ledger.episodes] == [8]


def test_other_conditions_and_other_files_are_refused(tmp_path):
    path = tmp_path / "rows.jsonl"
    Ledger.open(path, CONDITIONS, TASK.harm).__exit__()
    with pytest.raises(ConfigError, match="seed 0, this evaluation has 1"):
        Ledger.open(path, CONDITIONS | {"seed": "1"}, TASK.harm)
    other = tmp_path / "notes.txt"
    for text in ("hello\n", "hello"):
        other.write_text(text)
        with pytest.raises(DataError, match=r"notes\.txt is no file of episodes"):
            Ledger.open(other, CONDITIONS, TASK.harm)
        assert other.read_text() == text
    with pytest.raises(DataError, match="cannot keep episodes"):
        Ledger.open(tmp_path, CONDITIONS, TASK.harm)
    damaged = tmp_path / "damaged.jsonl"
    damaged.write_text('{"conditions": {\n')
    with pytest.raises(DataError, match="first line is damaged"):
        Ledger.open(damaged, CONDITIONS, TASK.harm)
    path.write_text(path.read_text() + '{"method": "nothing"}\n')
    with pytest.raises(DataError, match="no episode of this version"):
        Ledger.open(path, CONDITIONS, TASK.harm)


def test_what_is_done_is_not_run_again():
    config = EvalConfig(methods=("nothing",), episodes=2, workers=1)
    marked = episode(1)  # nobody who ran it would find 1.5 ms and no futures and 0.1
    found = list(run_episodes(config, {("nothing", 1): marked, ("random", 0): marked, ("nothing", 9): marked}))
    assert found[0] is marked
    assert [e.layout for e in found] == [1, 0]
    assert list(run_episodes(config, {("nothing", i): episode(i) for i in (0, 1)})) == [episode(0), episode(1)]
