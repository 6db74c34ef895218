"""What processes use, read from /proc: CPU time, resident memory, open files; and whether it grows.

watch = Watch({"guard": 4711}); watch.sample(at_s=10.0); watch.rows[-1]["guard"]   # {"rss_mib", "cpu", "files"}
growth(hours, rss_mib)                                                             # MiB an hour, and its interval
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scipy import stats


class Watch:
    """``cpu`` is the share of a core since the sample before."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self.pids, self.rows, self._last = dict(pids), [], {}

    def sample(self, at_s: float) -> None:
        """Of every process; ``at_s`` counts from the beginning."""
        row: dict[str, Any] = {"at_s": round(at_s, 2)}
        for name, pid in self.pids.items():
            used_s = cpu_s(pid)
            then_s, before_s = self._last.get(name, (at_s, used_s))
            share = (used_s - before_s) / (at_s - then_s) if at_s > then_s else None
            self._last[name] = at_s, used_s
            row[name] = {"rss_mib": rss_mib(pid), "cpu": share and round(share, 4), "files": open_files(pid)}
        self.rows.append(row)

    def summary(self, name: str, warm_s: float) -> dict[str, Any]:
        """Of one process: memory and files when warm and at the end, how memory grew between, its share of a core."""
        warm = [row for row in self.rows if row["at_s"] >= warm_s] or self.rows[-1:]
        rss = [row[name]["rss_mib"] for row in warm]
        shares = [row[name]["cpu"] for row in warm if row[name]["cpu"] is not None]
        return {
            "rss_warm_mib": rss[0],
            "rss_end_mib": rss[-1],
            "rss_mib_per_h": growth([row["at_s"] / 3600 for row in warm], rss),
            "files_warm": warm[0][name]["files"],
            "files_end": warm[-1][name]["files"],
            "cpu_mean": round(sum(shares) / len(shares), 4) if shares else None,
            "cpu_most": max(shares, default=None),
        }


def cpu_s(pid: int) -> float:
    """CPU time that a process has used so far (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid: int) -> float:
    """Resident memory (proc(5), statm)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 3)


def open_files(pid: int) -> int:
    """How many file descriptors it holds."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def growth(hours: Sequence[float], rss_mib: Sequence[float]) -> dict[str, float] | None:
    """Slope of a straight line, least squares, with its 95 % interval; None where there are too few samples.

    The interval takes samples for independent, which memory is not: it is somewhat too narrow.
    """
    if len(hours) < 3:
        return None
    line = stats.linregress(hours, rss_mib)
    half = float(stats.t.ppf(0.975, len(hours) - 2)) * line.stderr
    told = {"slope": line.slope, "low": line.slope - half, "high": line.slope + half}
    return {name: round(float(value), 3) for name, value in told.items()} | {"n": len(hours)}
