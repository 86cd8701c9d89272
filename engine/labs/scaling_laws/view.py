"""What is drawn: loss against compute, the same with the floor taken off, the grid, the fit, answers, a calculator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import Figure, Formula, Table, Text
from engine.contract.view import Answer, View
from engine.labs.scaling_laws import words
from engine.labs.scaling_laws.budgets import bowls, compute, envelope, settled
from engine.labs.scaling_laws.calculator import spelt, spend
from engine.labs.scaling_laws.config import CONSTANTS, FLOORS, PASSES
from engine.labs.scaling_laws.parametric import MODELS
from engine.labs.scaling_laws.words import facts, say
from engine.scene.curves import curves as curves_panel
from engine.scene.panel import Panel
from engine.scene.scene import Scene
from engine.scene.text import Span, text

__all__ = ["answer", "curves", "facts", "inside", "say", "stage"]

FIRST, FURTHER, LAST = 440, 400, 420  # pixels: how tall the rows of the stage are
BEFORE = "one model each, untrained"
BEGIN, LONG = 10, 1000  # steps of the smallest model at which the axes begin, and that they reach at least
SMALLEST, LARGEST, FLOOR = "negative", "positive", "class_2"  # colours
PASS_COLOURS = (
    "class_0",
    "class_1",
    "class_3",
    "class_4",
)  # of data shown 1, 4, 16 and 64 times
LEAST = 3e-3  # nats above the floor that are drawn at least
OFTEN = 8  # times as likely as by chance at which colours end
SHOWN = 12  # symbols of the language that are shown: of all of them a square would be too small to be found
COMPUTE = "compute C = 6 × parameters × tokens"
TOKENS, SIZES = (10.5, 14.3), (8.5, 12.4)  # log10, of the calculator's axes


def stage(view: View) -> Scene:
    """Loss against compute twice; then tabs: the grid and equal budgets, the fit, answers, a calculator."""
    repeats = view.config.across == "repeats"
    scene = Scene(height=FIRST + LAST + (0 if repeats else 3 * FURTHER))
    if repeats:
        _passes(scene, view)
        _gap(scene, view)
    else:
        _compute(scene, view)
        if words.opening(view.frame):
            _language(scene, view)
        else:
            _straight(scene, view)
        scene.row(FURTHER / FIRST)
        _grid(scene, view)
        _bowls(scene, view)
        scene.row(FURTHER / FIRST)
        _floor(scene, view)
        _exponent(scene, view)
        scene.row(FURTHER / FIRST)
        _nats(scene, view)
        _exact(scene, view)
    scene.row(LAST / FIRST)
    _calculator(scene, view)
    return scene


def curves(view: View) -> Scene:
    """The losses that were measured, step by step."""
    scene = Scene(height=300)
    if view.config.across == "repeats":
        series = {f"loss_{passes}": (words.times(passes), PASS_COLOURS[n]) for n, passes in enumerate(PASSES)}
    else:
        series = {"loss_smallest": ("smallest model", SMALLEST), "loss_largest": ("largest model", LARGEST)}
    curves_panel(scene, "losses", title="Exact loss, mean of all trainings", y_title="nats a token", series=series,
                 history=view.curves, marker=view.marker)  # fmt: skip
    return scene


def inside(view: View) -> list[Figure]:
    """The five constants with their spread, and how a budget is best split, three ways."""
    frame = view.frame
    if not frame.laws:
        return [Text("Press Play: after 200 steps a law is fitted, and its constants stand here.", tone="hint")]
    every = frame.laws[1:] or frame.laws
    rows = []
    for name in ("E", "A", "alpha", "B", "beta"):
        values = [getattr(law, name) for law in every]
        rows.append([words.GREEK.get(name, name), f"{getattr(frame.laws[0], name):.4g}", f"{min(values):.4g}",
                     f"{max(values):.4g}"])  # fmt: skip
    rows.append(["true entropy", f"{frame.entropy:.4f}", "", ""])
    told = words.facts(view)
    ways = [
        ["the fitted law, β/(α + β)", words.number(told["exponent"]), words.number(1 - float(told["exponent"]))],
        ["lowest points of equal budgets", words.number(told["bowls"]), words.number(1 - float(told["bowls"]))],
        ["Hoffmann et al. 2022, transformers", "0.46 to 0.50", "0.50 to 0.54"],
        ["Kaplan et al. 2020, transformers", "0.73", "0.27"],
    ]
    return [
        Formula(r"L(N, D) = E + \frac{A}{N^\alpha} + \frac{B}{D^\beta}"),
        Table(["Constant", "All trainings", "Lowest of one", "Highest of one"], rows, title="The fitted law"),
        Table(["N grows as C to the power a, D to the power 1 − a", "a", "1 − a"], ways, title="How to split a budget"),
    ]


def answer(view: View, pick: Mapping[str, Any]) -> Answer:
    """Nothing on this stage needs an answer: its buttons and rails turn knobs by themselves."""
    return None


def _reach(view: View) -> tuple[float, float]:
    """log10 of the least and the most compute that is drawn."""
    frame = view.frame
    most = max(LONG, view.last_step) * frame.batch
    return (float(np.log10(6 * frame.parameters[0] * frame.batch * BEGIN)) - 0.1,
            float(np.log10(6 * frame.parameters[-1] * most)) + 0.1)  # fmt: skip


def _curves_of_sizes(panel: Panel, frame: Any, height: Any, *, named: bool) -> None:
    """A curve for each size against compute: the smallest and the largest in colour; `height` maps losses to y."""
    if len(frame.tokens) < 2:
        return
    C, L = np.log10(compute(frame)), frame.loss.mean(0)
    last = len(C) - 1
    between = [np.column_stack([C[s], height(L[s])]) for s in range(1, last)]
    if between:
        panel.lines([line[np.isfinite(line[:, 1])] for line in between], colour="neutral", width=1.3,
                    name="sizes between" if named else "")  # fmt: skip
    for s, colour, name in ((0, SMALLEST, "smallest model"), (last, LARGEST, "largest model")):
        panel.path(np.column_stack([C[s], height(L[s])]), colour=colour, width=2.4, head=False,
                   name=name if named else "")  # fmt: skip


def _compute(scene: Scene, view: View) -> None:
    """Loss against compute: one curve for each size, the envelope, and the floor."""
    frame = view.frame
    left, right = _reach(view)
    top, bottom = float(np.log(view.config.vocabulary)), frame.entropy
    gap = top - bottom
    panel = scene.panel(
        "compute", title=words.compute_title(view), x=(left, right), y=(bottom - 0.24 * gap, top + 0.14 * gap),
        x_log=True, x_label=COMPUTE, y_label="loss: how badly it guesses, nats", equal=False, weight=1.15,
        aspect=0.8,
    )  # fmt: skip
    panel.path([[left, top], [right, top]], colour="neutral", width=1.2, head=False)
    panel.text(right, top + 0.06 * gap, f"guessing blindly: {top:.3f}", mark=False, before=True)
    _curves_of_sizes(panel, frame, lambda loss: loss, named=True)
    edge = envelope(frame)
    if edge is not None:
        some = edge.loss < top
        panel.path(np.column_stack([np.log10(edge.compute), edge.loss])[some], colour="text", width=3.2, head=False,
                   name="best for its compute")  # fmt: skip
        _rings(panel, np.column_stack([np.log10(compute(frame)[:, -1]), frame.loss.mean(0)[:, -1]]))
    panel.path([[left, bottom], [right, bottom]], colour=FLOOR, width=2.5, head=False)
    panel.text(left, bottom - 0.13 * gap, f"best possible (entropy): {bottom:.3f}", colour=FLOOR, mark=False)
    if words.opening(frame):
        _untrained(panel, frame, gap)
        at, height = round((left + right) / 2 - 0.5), bottom + 0.5 * gap  # a power of ten, and the next one
        panel.arrows([[at, height], [at + 1, height]], [[1.0, 0.0], [0.0, -0.25 * gap]], colour="mark")
        panel.text(at + 0.5, height + 0.08 * gap, "ten times more compute:", centred=True)
        panel.text(at + 0.97, height - 0.15 * gap, "how much lower?", before=True, mark=False)


def _untrained(panel: Panel, frame: Any, gap: float) -> None:
    """The models before any step: a ring each where its curve will come into the picture, at the loss that it has."""
    places = np.column_stack([np.log10(6 * frame.parameters * frame.batch * BEGIN), frame.start.mean(0)])
    _rings(panel, places, BEFORE)
    for n, colour in ((0, SMALLEST), (len(places) - 1, LARGEST)):
        x, y = places[n].tolist()
        said = f"largest: {frame.parameters[n]:,}" if n else f"smallest: {frame.parameters[n]:,} parameters"
        panel.text(x - 0.1, y - 0.17 * gap, said, colour=colour, mark=False)


def _rings(panel: Panel, places: Any, name: str = "") -> None:
    """A ring for each model where it is now, (S, 2)."""
    kinds = np.ones(len(places), int)
    kinds[0], kinds[-1] = 0, 2
    panel.points(places, kinds, size=6, shape="ring", colours=[SMALLEST, "neutral", LARGEST], names=["", name, ""])


def _language(scene: Scene, view: View) -> None:
    """What is to be learned: how likely a symbol is after another, in multiples of chance, and one pair outlined."""
    rows, (before, after, times) = words.likely(view, SHOWN), words.likeliest(view, SHOWN)
    count = len(rows)
    names = [str(symbol) for symbol in range(count)]
    panel = scene.panel("straight", title=words.language_title(before, after, times), x=(-0.5, count - 0.5),
                        y=(count - 0.5, -0.5), aspect=0.8, x_names=names, y_names=names,
                        x_label=f"symbol that comes next (of {view.config.vocabulary}, {count} are shown)",
                        y_label="symbol before")  # fmt: skip
    panel.heatmap(rows, extent=(0, count - 1, 0, count - 1), low=1 / OFTEN, high=OFTEN, log=True, discrete=True,
                  palette="diverging", name="rarer … commoner than by chance")  # fmt: skip
    ring = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) * 0.5 + [after, before]
    panel.path(ring, colour="mark", width=3, head=False)


def _straight(scene: Scene, view: View) -> None:
    """The same in logarithms of both, with a floor taken off the loss."""
    frame, config = view.frame, view.config
    floor, kind = words.floor(view)
    left, right = _reach(view)
    top = max(float(np.log(config.vocabulary)) - floor, 2 * LEAST)  # a fitted floor can lie above a blind guess
    reach = (
        (np.log10(LEAST), np.log10(top) + 0.1) if floor else (np.log10(frame.entropy) - 0.004, np.log10(top) + 0.004)
    )
    panel = scene.panel("straight", title=words.straight_title(view), x=(left, right), y=reach, x_log=True, y_log=True,
                        y_least=True, x_label=COMPUTE, equal=False, aspect=0.8,
                        y_label=f"loss − {kind}, nats" if floor else "loss, nats")  # fmt: skip

    def height(loss: Any) -> Any:
        return np.log10(np.maximum(loss - floor, LEAST / 10))

    _curves_of_sizes(panel, frame, height, named=False)
    edge = envelope(frame)
    if edge is not None:
        panel.path(np.column_stack([np.log10(edge.compute), height(edge.loss)]), colour="text", width=3.2, head=False)
        line = words.straight_line(frame, edge, floor)
        if line is not None:
            panel.path(line, colour="step", width=2.2, head=False, name="straight line through it")
    panel.buttons([(FLOORS[name], {"floor": name}) for name in FLOORS], label="Taken off the loss",
                  chosen=list(FLOORS).index(config.floor))  # fmt: skip


def _grid(scene: Scene, view: View) -> None:
    """Loss above the entropy for each size and amount of data, and the best size for each budget."""
    frame = view.frame
    low, high = np.log10(100 * frame.batch), np.log10(max(LONG, view.last_step) * frame.batch)
    bottom, top = np.log10(frame.parameters[[0, -1]])
    panel = scene.panel("grid", title="Loss by size and data: where is a budget best spent?", x=(low, high + 0.02),
                        y=(bottom - 0.1, top + 0.1), x_log=True, y_log=True, x_label="tokens D",
                        y_label="parameters N", equal=False, aspect=0.8)  # fmt: skip
    some = settled(frame)
    if some.sum() >= 2:
        D, N = np.log10(frame.tokens[some]), np.log10(frame.parameters)
        at = np.linspace(D[0], D[-1], 60)
        rows = np.stack([np.interp(at, D, row) for row in frame.loss.mean(0)[:, some] - frame.entropy])
        fine = np.linspace(N[0], N[-1], 40)
        field = np.stack([np.interp(fine, N, column) for column in rows.T], 1)
        panel.heatmap(np.maximum(field, LEAST), extent=(at[0], at[-1], fine[0], fine[-1]), log=True,
                      name="Nats above the entropy")  # fmt: skip
    budgets = np.log10(6) + np.linspace(low + bottom, high + top, 7)
    for line, budget in enumerate(budgets[1:-1]):
        D = np.linspace(max(low, budget - np.log10(6) - top), min(high, budget - np.log10(6) - bottom), 2)
        panel.path(np.column_stack([D, budget - np.log10(6) - D]), colour="neutral", width=1, head=False,
                   name="" if line else "equal compute")  # fmt: skip
    if frame.laws:
        best = np.log10(
            [frame.laws[0].optimum(float(10**budget))[::-1] for budget in np.linspace(budgets[0], budgets[-1], 40)]
        )
        inside = (best[:, 1] >= bottom - 0.1) & (best[:, 1] <= top + 0.1) & (best[:, 0] >= low) & (best[:, 0] <= high)
        panel.path(best[inside], colour="mark", width=3, head=False, name="best N by the fitted law")
    lowest = [bowl for bowl in bowls(frame) if np.isfinite(bowl.best)]
    if lowest:
        panel.points([[np.log10(bowl.compute / 6 / bowl.best), np.log10(bowl.best)] for bowl in lowest], size=6,
                     colours=["text"], shape="ring", name="lowest point of an equal budget")  # fmt: skip


def _bowls(scene: Scene, view: View) -> None:
    """Models of equal compute: too small, right, too large for it."""
    frame = view.frame
    bottom, top = np.log10(frame.parameters[[0, -1]])
    found = bowls(frame)
    heights = np.concatenate([bowl.loss for bowl in found]) - frame.entropy if found else np.array([0.0, 0.2])
    reach = (0.0, 1.1 * float(heights.max()))
    panel = scene.panel("bowls", title=words.bowls_title(found), x=(bottom - 0.05, top + 0.25), y=reach,
                        x_log=True, x_label="parameters N, at equal compute", y_label="nats above the entropy",
                        equal=False, aspect=0.8)  # fmt: skip
    if not found:
        panel.text(float(bottom), 0.5 * reach[1], "Press Play: bowls appear once four sizes had the same compute",
                   mark=False)  # fmt: skip
    for n, bowl in enumerate(found):
        places = np.column_stack([np.log10(bowl.parameters), bowl.loss - frame.entropy])
        panel.path(places, colour="neutral", width=1.8, head=False)
        panel.points(places, size=3.5, colours=["neutral"])
        x, y = places[-1].tolist()
        panel.text(x, y, f"C = {bowl.compute:.0e}".replace("e+0", "e"), mark=False)
        if np.isfinite(bowl.best):
            panel.points([[np.log10(bowl.best), bowl.least - frame.entropy]], size=7, colours=["mark"],
                         name="lowest point" if n == _first(found) else "")  # fmt: skip


def _first(found: Any) -> int:
    return next(n for n, bowl in enumerate(found) if np.isfinite(bowl.best))


def _floor(scene: Scene, view: View) -> None:
    """The fitted E as data come in, beside the true entropy."""
    _fitted(scene, view, "floor", view.frame.floors, words.floor_title(view), label="fitted E, nats a token",
            true=(view.frame.entropy, "true entropy"), least=0.06, most=0.35)  # fmt: skip


def _exponent(scene: Scene, view: View) -> None:
    """The fitted exponent of the best size, with what was published."""
    title = "How much of a budget goes into size: N grows as C to the power a"
    _fitted(scene, view, "exponent", view.frame.exponents, title, label="a = β/(α + β)", true=(0.5, "half (Hoffmann)"),
            least=0.4, most=0.5)  # fmt: skip


def _fitted(scene: Scene, view: View, key: str, rows: Any, title: str, *, label: str, true: tuple[float, str],
            least: float, most: float) -> None:  # fmt: skip
    frame = view.frame
    left, right = np.log10(200 * frame.batch), np.log10(max(LONG, view.last_step) * frame.batch)
    off = np.abs(rows - true[0]).max() if len(rows) else 0.0
    half = float(np.clip(1.1 * off, least, most))
    panel = scene.panel(key, title=title, x=(left, right), y=(true[0] - half, true[0] + half), x_log=True,
                        x_label="tokens D that the fit has seen", y_label=label, equal=False, aspect=0.8)  # fmt: skip
    panel.path([[left, true[0]], [right, true[0]]], colour=FLOOR, width=2.5, head=False, name=true[1])
    if key == "exponent":
        panel.path([[left, 0.73], [right, 0.73]], colour="neutral", width=1.5, head=False, name="0.73 (Kaplan)")
    if not len(rows):
        panel.text(float(left), true[0] + 0.5 * half, "Press Play: the first fit comes after 200 steps", mark=False)
        return
    x = np.log10(frame.fitted_at)
    clipped = np.clip(rows, true[0] - half, true[0] + half)
    if view.config.seeds > 1:
        panel.band(x, clipped[:, 1], clipped[:, 2], colour="positive", name="each training by itself")
    panel.path(np.column_stack([x, clipped[:, 0]]), colour="positive", width=3, name="all trainings")


def _nats(scene: Scene, view: View) -> None:
    """The log-likelihood of k tokens, which grows smoothly with size."""
    frame, k = view.frame, view.config.answer
    panel = _against_size(scene, view, "nats", words.nats_title(view), (-k * np.log(view.config.vocabulary) * 1.02,
                          -k * frame.entropy + 0.04 * k), "log-likelihood, nats")  # fmt: skip
    if len(frame.tokens):
        panel.path(np.column_stack([np.log10(frame.parameters), -k * frame.loss.mean(0)[:, -1]]), colour="positive",
                   width=3, head=False, name=words.tokens(k))  # fmt: skip
    ends = np.log10(frame.parameters[[0, -1]])
    panel.path(np.column_stack([ends, np.full(2, -k * frame.entropy)]), colour=FLOOR, width=2, head=False,
               name="true entropy")  # fmt: skip


def _exact(scene: Scene, view: View) -> None:
    """The share of answers in which all k tokens are right: p to the power k."""
    frame, k = view.frame, view.config.answer
    panel = _against_size(scene, view, "exact", words.exact_title(view), (-0.02, 1.02), "share of the likeliest named")
    panel.rail("answer", k, low=1, high=20, label="Tokens in an answer, k")
    if len(frame.tokens):
        p, n = frame.right.mean(0)[:, -1], np.log10(frame.parameters)
        panel.path(np.column_stack([n, p]), colour="neutral", width=2, head=False, name="one token")
        if k > 1:
            panel.path(np.column_stack([n, p**k]), colour="negative", width=3, head=False, name=f"all {k}")


def _against_size(scene: Scene, view: View, key: str, title: str, y: tuple[float, float], label: str) -> Panel:
    left, right = np.log10(view.frame.parameters[[0, -1]])
    return scene.panel(key, title=title, x=(left - 0.05, right + 0.05), y=y, x_log=True, x_label="parameters N",
                       y_label=label, equal=False, aspect=0.8)  # fmt: skip


def _passes(scene: Scene, view: View) -> None:
    """Loss on the language while one size reads data shown once, 4, 16 and 64 times."""
    frame, config = view.frame, view.config
    left, right = np.log10(5 * frame.batch), np.log10(config.planned * frame.batch)
    start, floor = float(np.log(config.vocabulary)), frame.entropy
    top = start + 0.1 * (start - floor)
    if len(frame.tokens):
        top = max(top, float(np.nan_to_num(frame.loss[..., -1].mean(0)).max()) + 0.1 * (start - floor))
    panel = scene.panel("compute", title=words.passes_title(view), x=(left, right + 0.05), x_log=True,
                        y=(floor - 0.12 * (start - floor), top), x_label="tokens read, D", weight=1.15, equal=False,
                        y_label="loss on the language, nats a token", aspect=0.8)  # fmt: skip
    panel.path([[left, floor], [right + 0.05, floor]], colour=FLOOR, width=2.5, head=False, name="true entropy")
    if words.opening(frame):
        before = float(frame.start.mean())
        panel.path([[left, before], [right + 0.05, before]], colour="neutral", width=1.2, head=False,
                   name="before training")  # fmt: skip
        for n, passes in enumerate(PASSES):
            new = config.planned * config.batch_size // passes
            panel.text((left + right) / 2, before - (0.2 + 0.15 * n) * (before - floor),
                       f"{words.times(passes)}: {new:,} new tokens", colour=PASS_COLOURS[n], centred=True)  # fmt: skip
    else:
        for n, passes in enumerate(PASSES):
            xy = np.column_stack([np.log10(frame.tokens), frame.loss.mean(0)[n]])
            panel.path(xy[xy[:, 0] >= left], colour=PASS_COLOURS[n], width=2.6, head=False, name=words.times(passes))


def _gap(scene: Scene, view: View) -> None:
    """Loss on the language and on what is read, against how often the data are shown."""
    frame, config = view.frame, view.config
    start, floor = float(np.log(config.vocabulary)), frame.entropy
    heights = [start, floor - 0.5 * (start - floor)]
    if len(frame.tokens):
        heights += [*frame.loss[..., -1].mean(0), *words.read(frame)]
    low, high = float(np.nanmin(heights)), float(np.nanmax(heights))
    panel = scene.panel("straight", title="Learned by heart: what was read against the language", x=(-0.2, 3.2),
                        y=(low - 0.05 * (high - low), high + 0.05 * (high - low)), equal=False, aspect=0.8,
                        x_names=[words.times(passes) for passes in PASSES], y_label="loss, nats a token")  # fmt: skip
    panel.path([[-0.2, floor], [3.2, floor]], colour=FLOOR, width=2.5, head=False, name="true entropy")
    if len(frame.tokens):
        for values, colour, name in ((frame.loss[..., -1].mean(0), "test", "on the language"),
                                     (words.read(frame), "train", "on what it reads")):  # fmt: skip
            places = np.column_stack([np.arange(len(PASSES)), values])
            panel.path(places, colour=colour, width=2.6, head=False, name=name)
            panel.points(places, size=5, colours=[colour])


def _calculator(scene: Scene, view: View) -> None:
    """A published law as a map, the best size for each budget, real models on it, and the visitor's own budget."""
    config, found = view.config, spend(view.config)
    law, titles = found.law, list(CONSTANTS.values())
    panel = scene.panel("calculator", title=words.calculator_title(found),
                        x=TOKENS, y=SIZES, x_log=True, y_log=True, x_label="training tokens D", aspect=0.8,
                        y_label="parameters N", equal=False)  # fmt: skip
    D, N = np.logspace(*TOKENS, 40), np.logspace(*SIZES, 40)
    panel.heatmap(law.loss(N[:, None], D[None]), extent=(*TOKENS, *SIZES), low=law.E, high=3.0,
                  name="Loss, nats a token")  # fmt: skip
    best = np.log10([law.optimum(float(budget))[::-1] for budget in np.logspace(18, 28, 80)])
    inside = [(axis[0] < at) & (at < axis[1]) for axis, at in zip((TOKENS, SIZES), best.T, strict=True)]
    panel.path(best[inside[0] & inside[1]], colour="mark", width=3, head=False, name="best for its training budget")
    for name, (parameters, tokens) in MODELS.items():
        panel.text(float(np.log10(tokens)), float(np.log10(parameters)), name, before=name in words.LEFT)
    panel.points([np.log10([found.tokens, found.parameters])], shape="ring", size=10, colours=["text"],
                 name="your budget")  # fmt: skip
    panel.rail("budget", config.budget, low=1e-3, high=1e6, log=True, label="Budget C, 10²¹ operations")
    panel.buttons([(title.split()[0], {"constants": name}) for name, title in CONSTANTS.items()], label="Constants",
                  chosen=titles.index(CONSTANTS[config.constants]))  # fmt: skip
    rows: list[list[str | Span]] = [[
        Span("Your budget", bold=True), f": {config.flops:.1e} operations buy {spelt(found.parameters)} parameters and "
        f"{spelt(found.tokens)} tokens, {found.tokens / found.parameters:.0f} for each parameter, and a loss of "
        f"{found.loss:.3f} nats a token.",
    ]]  # fmt: skip
    if found.served:
        panel.points([np.log10([found.served_tokens, found.served_parameters])], shape="ring", size=10,
                     colours=["positive"], name="the same loss, served")  # fmt: skip
        rows.append([
            Span("Served", bold=True), f": if it then writes {spelt(found.served)} tokens, the same loss is cheapest "
            f"with {spelt(found.served_parameters)} parameters and {spelt(found.served_tokens)} training tokens: a "
            f"model {found.parameters / found.served_parameters:.1f} times smaller. It saves {found.saved:.0%} of all "
            "operations, training and serving.",
        ])  # fmt: skip
    text(scene, "calculated", rows, title="Your budget in numbers")
