"""The study's tables, as text in Markdown's form."""

from collections.abc import Mapping, Sequence
from statistics import mean

from study_parts.arms import ARMS, WARM_UP
from study_parts.ceilings import realised
from study_parts.estimates import Estimate, gap, mean_of_seeds, over_problems, spread_of_seeds
from study_parts.measuring import TRAINED_AT
from study_parts.problems import StudyTask
from study_parts.runs import FIRST_STEPS, KINDS, SAMPLED, Run, accuracy_of, right_at

Runs = Mapping[str, Sequence[Run]]
"""By arm."""
COMPARED = ("brpo-uniform", "brpo-linear", "brpo-linear-tenth", "brpo-uniform-frozen")
"""The arms whose gaps to the others are told."""


def table(title: str, columns: Sequence[object], rows: Mapping[str, Sequence[str]], first: str = "arm") -> str:
    """A table with a title; each row's name in front."""
    lines = [title, "", f"| {first} | {' | '.join(map(str, columns))} |", "|" + " --- |" * (len(columns) + 1)]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())])


def estimate(group: Sequence[Run], temperature: str, at: int) -> Estimate:
    """An arm's accuracy at a budget, the mean over its seeds, and its standard error over the problems."""
    return over_problems(mean_of_seeds([right_at(run, temperature, at) for run in group]))


def gap_at(ours: Sequence[Run], theirs: Sequence[Run], temperature: str, at: int) -> Estimate:
    """The gap of two arms at a budget."""
    return gap(*([right_at(run, temperature, at) for run in group] for group in (ours, theirs)))


def accuracy(runs: Runs, task: StudyTask, temperature: str) -> str:
    """Every arm's accuracy at every budget."""
    problems = sum(runs[WARM_UP][0]["measured"][temperature][family]["problems"] for family in task.families)
    rows = {
        arm: [f"{e.value:.3f} ± {e.error:.3f}" for at in task.measured_at for e in [estimate(group, temperature, at)]]
        + [f"{mean(run['measured'][temperature][name]['length'] for run in group for name in task.families):.0f}"]
        for arm, group in runs.items()
    }
    title = (
        f"Accuracy, mean of {', '.join(task.families)} and of the seeds; temperature {temperature}. ± is the standard "
        f"error over the {problems:,} problems, each the mean of its seeds."
    )
    return table(title, [*task.measured_at, "mean length"], rows)


def seeds(runs: Runs, task: StudyTask) -> str:
    """How far the seeds of an arm lie apart."""
    rows = {
        arm: [
            f"{100 * spread_of_seeds([right_at(run, TRAINED_AT, at) for run in group]):.1f}" for at in task.measured_at
        ]
        for arm, group in runs.items()
        if len(group) > 1
    }
    return table(
        f"Standard deviation over seeds, in points, temperature {TRAINED_AT}; all seeds answer the same problems",
        task.measured_at,
        rows,
    )


def gaps(runs: Runs, task: StudyTask, temperature: str) -> str:
    """How much better BRPO is than every other arm, and the error of that."""
    rows = {}
    for ours in COMPARED:
        for theirs in runs:
            if ours in runs and (theirs == WARM_UP or (theirs in ARMS and ARMS[theirs].kind != "brpo")):
                found = [gap_at(runs[ours], runs[theirs], temperature, at) for at in task.measured_at]
                rows[f"{ours} − {theirs}"] = [f"{100 * e.value:+.1f} ± {100 * e.error:.1f}" for e in found]  # noqa: RUF001
    title = (
        f"Gap in points, temperature {temperature}. ± is the gap's standard error: that of its mean over the problems, "
        "problem by problem, joined with both arms' standard deviations over seeds / sqrt(seeds)."
    )
    return table(title, task.measured_at, rows, "gap")


def ceilings(found: Mapping[str, Mapping[int, float]], task: StudyTask) -> str:
    """What perfect thinkers would reach."""
    rows = {name: [f"{curve[at]:.3f}" for at in task.measured_at] for name, curve in found.items()}
    title = (
        "Ceilings: perfect thinkers on the test problems, terse lines, the best so far as the answer; before the first "
        "value they answer as the warm-up does at budget 0, and the guess that comes first is right as often"
    )
    return table(title, task.measured_at, rows, "thinker")


def shares(runs: Runs, found: Mapping[str, Mapping[int, float]], task: StudyTask) -> str:
    """How much of the possible gain every arm realised."""
    start = {at: estimate(runs[WARM_UP], TRAINED_AT, at).value for at in task.measured_at}
    rows = {}
    for ceiling in ("guess first", "oracle order"):
        for arm, group in runs.items():
            if arm != WARM_UP:
                ours = {at: estimate(group, TRAINED_AT, at).value for at in task.measured_at}
                parts = [realised(ours[at], start[at], found[ceiling][at]) for at in task.measured_at]
                rows[f"{arm}, to {ceiling}"] = ["–" if share is None else f"{100 * share:.0f}" for share in parts]  # noqa: RUF001
    title = "Realised of the way from the warm-up to a ceiling, in per cent (– where there is less than a point of way)"  # noqa: RUF001
    return table(title, task.measured_at, rows)


def order(runs: Runs) -> str:
    """What the thinking spends its tokens on."""
    names = list(runs[WARM_UP][0]["manner"])
    rows = {arm: [f"{mean(run['manner'][name] for run in group):.2f}" for name in names] for arm, group in runs.items()}
    return table(
        f"What came from order and brevity: how it is thought, temperature {TRAINED_AT}",
        [name.replace("_", " ") for name in names],
        rows,
    )


def answers(runs: Runs, task: StudyTask) -> str:
    """What cut thinking is answered with."""
    rows = {
        arm: [f"{_share(group, task, 'none', at)} / {_share(group, task, 'differ', at)}" for at in task.measured_at]
        for arm, group in runs.items()
    }
    title = (
        "What came from answers: share of answers that say `none` / share of cuts at which four answers are not all "
        f"the same (of the thinking that goes on), in per cent, temperature {TRAINED_AT}"
    )
    return table(title, task.measured_at, rows)


def _share(group: Sequence[Run], task: StudyTask, name: str, at: int) -> str:
    shares = [run["measured"][TRAINED_AT][family][name][str(at)] for run in group for family in task.families]
    return f"{100 * mean(shares):.0f}"


def cost(runs: Runs) -> str:
    """What the training took."""
    trained = {arm: group for arm, group in runs.items() if arm != WARM_UP}
    rows = {}
    for arm, group in trained.items():
        cpu, wall, steps, peak = (
            mean(run[name] for run in group) for name in ("train_cpu_seconds", "train_seconds", "steps", "peak_rss_mb")
        )
        rate = f"{group[0]['learning_rate']:g}"
        rows[arm] = [
            str(len(group)),
            rate,
            f"{steps:.0f}",
            f"{cpu:.0f}",
            f"{wall:.0f}",
            f"{cpu / steps:.2f}",
            f"{peak:.0f}",
        ]
    columns = ["seeds", "learning rate", "steps", "CPU seconds", "seconds", "CPU seconds a step", "peak RSS MB"]
    return table("What training took, means over the seeds", columns, rows)


def search(runs: Sequence[Run], chosen: Mapping[str, float]) -> str:
    """What the search of learning rates found."""
    rates = sorted({run["learning_rate"] for run in runs})
    rows = {}
    for arm in [arm for arm in ARMS if any(run["arm"] == arm for run in runs)]:
        scores = {run["learning_rate"]: f"{run['accuracy']:.3f}" for run in runs if run["arm"] == arm}
        rows[arm] = [scores.get(rate, "") + (" *" if rate == chosen.get(arm) else "") for rate in rates]
    title = (
        "Learning rates: one seed that no run below has, other problems, mean accuracy over the trained budgets, "
        "temperature 1. Every arm walks on the same ladder until its best (*) has both neighbours measured; the best "
        "is taken as it is."
    )
    return table(title, [f"{rate:g}" for rate in rates], rows)


def families(runs: Runs, task: StudyTask) -> str:
    """Accuracy by family at the budgets that are trained at."""
    names = (*task.families, *task.others)
    rows = {
        arm: [
            " ".join(f"{mean(accuracy_of(run, TRAINED_AT, name, at) for run in group):.2f}" for at in task.budgets)
            for name in names
        ]
        for arm, group in runs.items()
    }
    return table(f"By family at {', '.join(map(str, task.budgets))}, temperature {TRAINED_AT}", names, rows)


def variances(runs: Runs, task: StudyTask) -> str:
    """Of the same rollouts: those of the BRPO-linear runs, whose first steps are near the warm-up."""
    rows = {}
    for kind in KINDS:
        names = [f"{kind}/{budget}" for budget in task.budgets]
        found = [[run["variance"][name] for run in runs["brpo-linear"] if name in run["variance"]] for name in names]
        rows[kind] = [f"{mean(values):.4f}" if values else "" for values in found]
    title = f"Variance of the thinking advantage by segment (same rollouts: brpo-linear, first {FIRST_STEPS} steps)"
    return table(title, task.budgets, rows, "baseline")


def samples(runs: Runs) -> str:
    """Thinking as it reads."""
    blocks = ["Thinking before and after, the same problems, temperature 0.6"]
    for arm in SAMPLED:
        for prompt, text in [pair for run in runs.get(arm, []) for pair in run.get("samples", [])]:
            blocks.append(f"--- {arm}: {prompt}\n{text}")
    return "\n".join(blocks)
