"""``rehearse demo``: a task's model on held-out layouts, a table, and a page with what was imagined."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from rehearse.commands.eval import about_evaluation, evaluate_with_bar, results_table
from rehearse.commands.of_task import TaskCommand
from rehearse.page import write_page
from rehearse.recorded import default_checkpoint, default_policy
from rehearse.sim.agents import make_agent, methods_of
from rehearse.sim.evaluate import EvalConfig, Report
from rehearse.stories import habit, tell

STORY_METHOD, STORIES = "planner-512", 2


@dataclass(kw_only=True)
class Demo(TaskCommand):
    """See a learned model imagine thousands of futures and do the task: fetch the jacket, and let the dog sleep."""

    quick: bool = False
    """A few minutes: 10 layouts per method instead of 100, 2 of the oracle, on which true physics takes longest."""
    out: Path = Path("out/demo.html")
    """The page."""
    checkpoint: Path | None = None
    """World model; the one that is shipped for the task unless given."""
    episodes: int | None = None
    """Layouts per method, instead of what --quick says."""

    def run(self, console: Console) -> int:
        """Evaluate, film, write the page, print the table."""
        task = self.found_task()
        checkpoint = self.checkpoint or default_checkpoint(task, (STORY_METHOD,))
        methods = methods_of(task)
        config = EvalConfig(
            task=self.task,
            level=self.level,
            episodes=(10 if self.quick else 100) if self.episodes is None else self.episodes,
            seed=self.seed,
            fewer={oracle: 2 for oracle in task.oracles if self.quick and oracle in methods},
            checkpoint=checkpoint,
            policy=default_policy(task, methods),
            options=self.given_options(),
        )
        report = evaluate_with_bar(config, console)
        console.print("filming ...")
        layouts, contrast = story_layouts(report), task.tale.contrast
        agent = make_agent(task, STORY_METHOD, checkpoint)
        stories = [tell(agent, config, layout) for layout in layouts]
        command = f"rehearse demo --task {self.task} --episodes {config.episodes} --seed {self.seed}"
        films = f"layouts chosen because {STORY_METHOD} succeeded there and {contrast} did not, where there are such"
        about = {**about_evaluation(config), "command": f"{command} --level {config.level}", "films": films}
        write_page(self.out, task, report.rows, stories, about, habit(config, layouts[0]))
        title = f"{self.task}, level {config.level}, held-out test layouts"
        Console().print(results_table(task, report.rows, title, Console().width))
        console.print(f"the page: {self.out.resolve()}")
        self.write_json({**report.to_dict(), "about": about, "page": str(self.out)})
        return 0


def story_layouts(report: Report) -> list[int]:
    """Layouts worth a film: where the planner succeeded and the contrast did harm or, where none can be, failed."""
    task = report.task
    worse = {
        e.layout
        for e in report.episodes
        if e.method == task.tale.contrast and (not e.success if task.harm is None else e.harmed)
    }
    done = [e.layout for e in report.episodes if e.method == STORY_METHOD and e.success]
    fit = [layout for layout in done if layout in worse] or done or [report.episodes[0].layout]
    return fit[:STORIES]
