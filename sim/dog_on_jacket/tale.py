"""Dog on jacket told to people."""

from rehearse.sim.tale import Tale

TALE = Tale(
    title="Let the sleeping dog lie",
    lead="""A dog is asleep on the jacket that the robot was asked to bring. So before it moves, the robot
rehearses: it imagines {futures} ways to pull, sees which of them
would wake the dog, and takes the gentlest one that still brings the jacket. A fifth of a second later it thinks
again.""",
    habit="A habit pulls",
    imagination="Imagination pulls",
    contrast="script-fast",
    did="brought the jacket past a sleeping dog",
    succeeded="fetched, the dog asleep,",
    done="the jacket is there, the dog asleep",
    script="The best hand-written pull, which is told where the jacket is,",
    harmed="the dog woke",
    did_harm="woke it",
    would_harm="wake the dog",
    threshold="wakes",
    unharmed="asleep",
    state="awake",
    strain="Disturbance",
    weighs="the predicted progress, disturbance and chance of waking",
    methods={"script-fast": "Script: the fast pull", "script-best": "Script: the best pull"},
    notes={
        "Disturbance": """says how much of the dog's sleep has been used up. Jerks, turns and speed of its body add to
it, rest takes from it, and at 1 the dog wakes. The formula was fixed before any method was compared.""",
        "Fetched": """means that the jacket's middle reached the green circle while the dog slept on. In the table,
time is the mean over the fetched; disturbance is the highest of an episode, its median over all episodes.""",
        "Scripts": """pull at one speed and are told the true place of the jacket. The planner sees only its camera and
its own arm.""",
    },
)
