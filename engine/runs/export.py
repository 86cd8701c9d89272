"""A run as something to take home: a Python file, a notebook, a table."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence

from engine.contract.knobs import Config
from engine.runs.history import Curves, Intervention


def script(
    slug: str, config: Config, *, steps: int, interventions: Sequence[Intervention] = (), device: str = "cpu"
) -> str:
    """A Python file that repeats a run to the digit, with what the visitor did to it on the way.

    It needs this repository on the Python path and prints the metrics of the last step.  It is plain ASCII, so it does
    not matter in which encoding it is saved.  What "to the digit" asks for stands in `engine.lab.Experiment`.
    """
    lines = [
        f'"""{slug}, seed {config.seed}, {steps} steps: repeats a run of the playground to the digit."""',
        "",
        "import torch",
        "",
        "import engine",
        "",
        "torch.set_num_threads(1)  # as on the server: with more, sums are added up in another order",
        f'lab = engine.lab("{slug}")',
        f"config = lab.Config({_arguments(config)})",
        f'experiment = lab.Experiment(config, "{device}")',
        f"steps = {steps}",
        "",
        "# What was done by hand, and when.",
        "interventions = {",
    ]
    by_step: dict[int, list[str]] = {}
    for change in interventions:
        made = (
            f"lambda: experiment.update(lab.Config({_arguments(change.change)}))"
            if isinstance(change.change, Config)
            else f"lambda: experiment.edit({change.change!a})"
        )
        by_step.setdefault(change.step, []).append(made)
    lines += [f"    {step}: [{', '.join(made)}]," for step, made in by_step.items()]
    lines += [
        "}",
        "",
        "metrics = {}",
        "for step in range(steps + 1):",
        "    for intervene in interventions.get(step, []):",
        "        intervene()",
        "    if step < steps:",
        "        metrics = experiment.step()",
        "",
        "frame = experiment.frame()  # the arrays that the page draws",
        'print(f"after {experiment.step_count} steps")',
        "for name, value in metrics.items():",
        '    print(f"{name} = {value!r}")',
        "",
        '# engine.show(experiment).save("picture.html")  # what the page draws now, for any browser',
        "",
    ]
    return "\n".join(lines)


# Altair refuses more than 5,000 rows.  No metric can be called what the columns are: it is one word.
_DRAW = """\
import altair as alt
import pandas as pd

table = pd.DataFrame(history or [{"step": 0}]).melt("step", var_name="the metric", value_name="its value").dropna()
values = table.groupby("the metric")["its value"]
every = values.transform("size") // (5_000 // max(1, len(values))) + 1  # of a long curve, as many as can be drawn
table = table[values.cumcount(ascending=False) % every == 0]  # the last one is among them
alt.Chart(table).mark_line().encode(x="step:Q", y="its value:Q", color="the metric:N")"""


def notebook(slug: str, config: Config, *, steps: int, interventions: Sequence[Intervention] = ()) -> str:
    """The same as `script`, as a Jupyter notebook (nbformat 4.5) that also draws the curves, thinned if they are long.

    ``history`` in it holds the metrics of every step.  The last cell but one shows the stage.
    """
    code = script(slug, config, steps=steps, interventions=interventions)
    head, _, body = code.rpartition("# engine.show")[0].partition("metrics = {}\n")
    train = "        metrics = experiment.step()"
    record = "        history.append({'step': experiment.step_count, **metrics})"
    body = "metrics = {}\n" + body.replace(train, f"{train}\n{record}")
    cells = [_cell("code", head), _cell("code", "history = []\n" + body),
             _cell("code", "engine.show(experiment, history=history)"), _cell("code", _DRAW)]  # fmt: skip
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return json.dumps(
        {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}, indent=1
    )


def json_line(step: int, metrics: Mapping[str, float]) -> str:
    """The metrics of one step as strict JSON, in ASCII: null for what is not finite, for which JSON has no word."""
    values = {name: value if math.isfinite(value) else None for name, value in metrics.items()}
    return json.dumps({"step": step, **values}, allow_nan=False)


def table(curves: Curves) -> str:
    """Metrics as CSV: a column ``step``, then one column for each metric; empty where a metric has no value."""
    rows: dict[int, dict[str, float]] = {}
    for name, (steps, values) in curves.items():
        for step, value in zip(steps.tolist(), values.tolist(), strict=True):
            rows.setdefault(step, {})[name] = value
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["step", *map(inert, curves)])
    writer.writerows([step, *(rows[step].get(name, "") for name in curves)] for step in sorted(rows))
    return out.getvalue()


def inert(cell: str) -> str:
    """A text for a table, which no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _arguments(config: Config) -> str:
    given = {n: getattr(config, n) for n, k in config.knobs().items() if n == "seed" or getattr(config, n) != k.default}
    return ", ".join(f"{name}={value!a}" for name, value in given.items())


def _cell(kind: str, source: str) -> dict[str, object]:
    return {"cell_type": kind, "metadata": {}, "execution_count": None, "outputs": [], "source": source.strip("\n")}
