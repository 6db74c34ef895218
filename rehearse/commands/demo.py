"""``rehearse demo``: the shipped model on held-out layouts, a table, and a page with what was imagined."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from rehearse.commands.base import Command
from rehearse.commands.eval import about_evaluation, evaluate_with_bar, results_table
from rehearse.page import write_page
from rehearse.sim.agents import make_agent
from rehearse.sim.dog_on_jacket.task import TASK
from rehearse.sim.evaluate import EvalConfig, Report
from rehearse.stories import habit, tell
from rehearse.world_model import shipped_checkpoint

STORY_METHOD, STORIES = "planner-512", 2


@dataclass(kw_only=True)
class Demo(Command):
    """See a learned model imagine thousands of futures and fetch the jacket without waking the dog."""

    quick: bool = False
    """A few minutes: 10 layouts per method instead of 100."""
    out: Path = Path("out/demo.html")
    """The page."""
    checkpoint: Path | None = None
    """World model; the shipped one unless given."""
    level: str = "half"
    """easy, half or full."""
    episodes: int | None = None
    """Layouts per method, instead of what --quick says."""

    def run(self, console: Console) -> int:
        """Evaluate, film, write the page, print the table."""
        checkpoint = self.checkpoint or shipped_checkpoint("dog-on-jacket-tiny")
        config = EvalConfig(
            level=self.level,
            episodes=self.episodes or (10 if self.quick else 100),
            seed=self.seed,
            checkpoint=checkpoint,
        )
        report = evaluate_with_bar(config, console)
        console.print("filming ...")
        layouts = story_layouts(report)
        agent = make_agent(TASK, STORY_METHOD, checkpoint)
        stories = [tell(TASK, agent, layout, self.level, self.seed) for layout in layouts]
        contrast = habit(TASK, make_agent(TASK, "script-fast"), layouts[0], self.level, self.seed)
        command = f"rehearse demo --episodes {config.episodes} --seed {self.seed} --level {self.level}"
        films = f"layouts chosen because {STORY_METHOD} fetched the jacket there and the fast pull woke the dog"
        about = {**about_evaluation(config), "command": command, "films": films}
        write_page(self.out, report.rows, stories, about, contrast=contrast)
        Console().print(results_table(TASK, report.rows, f"dog-on-jacket, level {self.level}, held-out test layouts"))
        console.print(f"the page: {self.out.resolve()}")
        self.write_json({**report.to_dict(), "about": about, "page": str(self.out)})
        return 0


def story_layouts(report: Report) -> list[int]:
    """Layouts worth a film: where the planner fetched the jacket and the fast pull woke the dog; else the first."""
    woken = {e.layout for e in report.episodes if e.method == "script-fast" and e.harmed}
    fetched = [e.layout for e in report.episodes if e.method == STORY_METHOD and e.success]
    fit = [layout for layout in fetched if layout in woken] or fetched or [report.episodes[0].layout]
    return fit[:STORIES]
