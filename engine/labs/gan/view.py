"""What is drawn of a GAN: both sides' points on the plane, beside them the folded noise, the players' circle or a small
map of every pair; of digits a sheet of fakes and one of real ones, what they resemble, and what would improve them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.contract.figure import Figure, Table, Text
from engine.contract.view import Turn, View
from engine.figures.histograms import histograms
from engine.labs.gan import charts, words
from engine.labs.gan.config import EXTENT, START, WEAK
from engine.labs.gan.words import facts as facts
from engine.labs.gan.words import say as say
from engine.scene.curves import curves as curves_panel
from engine.scene.loop import loop
from engine.scene.rail import Rails
from engine.scene.scene import Scene
from engine.scene.text import Span, minus, text

X, Y = EXTENT[:2], EXTENT[2:]
WHOLE = 0.97 * EXTENT[1]  # within this a point is not cut by the edge
PUSHED = 0.35  # length of the longest arrow, in units of the plane
SAID = "What the discriminator says: orange fake, blue real"
FAIR = 0.1  # share of each of ten classes
LEARNERS = {"both": "Both learn", "discriminator": "Step D", "generator": "Step G"}  # the latter do one step, too
HEIGHT, GAP = 250, 12  # pixels of a row of curves, and between two rows


def stage(view: View) -> Scene:
    """Both sides' points on the plane, beside them the folded noise or the players' circle; or sheets of digits.

    In slow motion the line above says which part of a round is shown; below stand the numbers beside their floors.
    """
    frame, dirac, digits = view.frame, view.config.data == "dirac", view.config.data == "digits"
    lone = words.pairs(frame) == 1
    scene = Scene(height=900 if digits else 1000 if lone and not dirac else 560)
    if digits:
        _digits(scene, view)
    elif dirac:
        reach = _reach(frame)
        _line(scene, view, reach)
        _circle(scene, frame, reach)
        _round(scene, view)
    else:
        _plane(scene, view)
        if not lone:
            _pairs(scene, frame)
        _round(scene, view)
        _numbers(scene, frame)
        if lone:
            scene.row(0.8)
            _folded(scene, frame)
    return scene


def _round(scene: Scene, view: View) -> None:
    """In slow motion: the stages of a round."""
    if view.config.slow_motion:
        text(scene, "round", [_stages(view.frame)], title="One round", hold=0)  # it goes with the picture


def _learners(panel: Rails, view: View) -> None:
    """Who learns, and at which pace, to be chosen where it is seen."""
    chosen = view.config.train
    panel.buttons([(name, {"train": who}) for who, name in LEARNERS.items()], label="Who learns",
                  chosen=[*LEARNERS].index(chosen), stepping=(1, 2))  # fmt: skip
    slow = view.config.slow_motion
    panel.buttons([("Slow motion", {"slow_motion": "0" if slow else "1"})], label="Pace", chosen=0 if slow else -1)


def curves(view: View) -> Scene:
    """Every measure with its floor, and the losses of both sides, two beside each other."""
    panels = charts.of_players() if view.config.data == "dirac" else charts.of_fakes(view)
    there = {key: how for key, how in panels.items() if any(metric in view.curves for metric in how["series"])}
    rows = (len(there) + 1) // 2
    scene = Scene(height=rows * (HEIGHT + GAP))
    history = dict(view.curves)
    for place, (key, how) in enumerate(there.items()):
        if place % 2 == 0:
            scene.row()
        if key in view.frame.floors:
            steps = np.asarray(view.curves[key][0])[[0, -1]]
            history["floor"] = steps, np.full(2, view.frame.floors[key])
            how["series"] |= {"floor": ("real to real", "neutral")}
        unit = "stage" if view.config.slow_motion else "round"
        curves_panel(scene, key, history=history, marker=view.marker, x_title=unit, **how)
    return scene


def inside(view: View) -> list[Figure]:
    """What the discriminator answers to both sides, and every measure as a number."""
    frame = view.frame
    rows = [(title, f"{frame.measures[name]:.4f}", f"{frame.floors[name]:.4f}")
            for name, title in charts.NAMES.items() if name in frame.floors]  # fmt: skip
    said = "The floor is what two halves of the real points score: no generator need be closer than that."
    if len(frame.classes):
        said += " A class is covered if 2 in 100 fakes or more look most like a digit of it."
    verdicts = frame.verdicts
    low, high = float(verdicts.min()), float(verdicts.max())
    edges = np.linspace(low - 1e-3, max(high, low + 1e-2) + 1e-3, 33)
    counts = {name: np.histogram(row, edges)[0] for name, row in zip(("real", "fake"), verdicts, strict=True)}
    answers = histograms(edges, counts, key="verdicts", title="What the discriminator answers",
                         x_title="D(x) before any sigmoid: right is real")  # fmt: skip
    return [Table(("measure", "fake to real", "real to real (floor)"), rows), Text(said, tone="note"), answers]


def answer(view: View, pick: Mapping[str, Any]) -> Turn | None:
    """A click on the small map of a pair shows that pair."""
    return Turn({"shown": pick["index"]}) if pick["panel"] == "seeds" else None


def _stages(frame: Any) -> list[str | Span]:
    """The stages of a round in order; the one that was done last is lit."""
    lit = frame.stages[frame.stage] if frame.stage >= 0 else ""
    said: list[str | Span] = []
    for title in dict.fromkeys(frame.stages):
        times = frame.stages.count(title)
        at = frame.stages[: frame.stage + 1].count(title) if title == lit else 0
        often = f" ({at} of {times})" if at and times > 1 else f" (×{times})" if times > 1 else ""
        here = title == lit
        named = Span(title + often, colour="class_0" if here else "", bold=here, lit=here, soft=not here)
        said += [" → ", named] if said else [named]
    return said if lit else [*said, Span("  Press Step, or Play: one stage at a time.")]


def _title(view: View) -> str:
    """Of the shown pair: what it covers, and how far its fakes are from the real points.  Shorter beside others."""
    frame, energy, floor = view.frame, view.frame.measures["energy"], view.frame.floors["energy"]
    alone = not view.beside and words.pairs(frame) == 1
    if alone and not view.step and not frame.digits and frame.modes >= 0:
        return f"Fakes against {frame.modes_total} heaps of real points"
    far = f"energy distance {energy:.3f}" + (f", {words.times(energy, floor)}" if alone else "")
    return (
        f"{frame.modes} of {frame.modes_total} {words.KINDS[frame.digits]}, {far}"
        if frame.modes >= 0
        else far.capitalize()
    )


def _numbers(scene: Scene, frame: Any) -> None:
    """A row for what is shown, one for the mean of all pairs, and one for what two halves of the real points score."""
    count, kinds = words.pairs(frame), words.KINDS[frame.digits]
    rows: list[tuple[str, dict[str, float]]] = [("Shown pair" if count > 1 else "Fakes", frame.measures)]
    if count > 1:
        rows.append((f"Mean of {count} pairs", {name: float(np.mean(of)) for name, of in frame.of_pairs.items()}))
    rows.append(("Real to real", {"modes": frame.modes_total, **frame.floors}))
    columns = {"modes": (f"{kinds} covered", "{:.2g}"), "energy": ("energy distance", "{:.3f}"),
               "gradient": ("mean push on a fake", "{:.3g}"),
               "unpushed": (f"fakes pushed with less than {WEAK}", "{:.0%}")}  # fmt: skip
    if frame.modes < 0:
        del columns["modes"]
    said = [["", *(title for title, _ in columns.values())]]
    said += [
        [title, *(form.format(of[name]) if name in of else "" for name, (_, form) in columns.items())]
        for title, of in rows
    ]
    text(scene, "numbers", said, title="Fakes against real points", table=True, header=True)
    text(scene, "distance", [words.explained(frame)], title="What the distance says")


def _plane(scene: Scene, view: View) -> None:
    frame = view.frame
    panel = scene.panel("fakes", title=_title(view), x=X, y=Y, weight=3.2, aspect=1.25)
    _learners(panel, view)
    low, high = frame.surface_range
    name = "D(x): probability of being real" if frame.probability else "D(x): blue is called real, orange fake"
    panel.heatmap(frame.surface, extent=EXTENT, low=low, high=high, palette="diverging",
                  levels=[(low + high) / 2], name=name)  # fmt: skip
    panel.points(frame.real, size=3, colours=["class_1"], name="Real")
    within, out = (np.abs(frame.fake) < WHOLE).all(axis=1), (np.abs(frame.fake) >= WHOLE).any(axis=1)
    panel.points(frame.fake[within], size=3, colours=["class_0"], name="Fake")
    if out.any():
        told = f"{int(out.sum())} of {len(out)} fakes lie further out"
        panel.text(0.0, X[0] + 0.1, told, colour="class_0", centred=True)
    strength = np.linalg.norm(frame.arrows, axis=1, keepdims=True)
    arrows = PUSHED * frame.arrows / (1 + strength)  # a weak push is in proportion, a strong one stays on the picture
    panel.arrows(frame.arrows_at, arrows, colour="gradient", width=1.6, name="Push on the fakes")
    if len(frame.batch_real):
        panel.points(frame.batch_real, size=5, shape="ring", colours=["class_1"], name="This round's real points")
    if len(frame.batch_fake):
        panel.points(frame.batch_fake, size=5, shape="ring", colours=["class_0"], name="This round's fakes")
    if words.pairs(frame) > 1:  # many pairs are what it is about then
        return
    answers = 1 / (1 + np.exp(-np.clip(frame.verdicts, -50, 50))) if frame.probability else frame.verdicts
    of_real, of_fakes = (float(row.mean()) for row in answers)
    loop(panel, losses=(frame.measures["discriminator_loss"], frame.measures["generator_loss"]),
         verdicts=(of_real, of_fakes), score="D(x)" if frame.probability else "score", flows=_flows(view),
         at=view.step)  # fmt: skip


def _flows(view: View) -> list[str]:
    """Along which ways of the loop something goes: in a round, or in slow motion in its last stage."""
    frame = view.frame
    done = frame.stages[frame.stage : frame.stage + 1] if view.config.slow_motion and frame.stage >= 0 else frame.stages
    return list(dict.fromkeys(way for title in done for way in charts.FLOWS[title]))


def _reach(frame: Any) -> float:
    """Of the Dirac-GAN: how far out both players have been, and at least 1, in steps of a half."""
    far = np.abs(np.nan_to_num(frame.trail, posinf=0, neginf=0)).max(initial=START)
    return float(np.ceil(2 * max(1.0, 1.05 * far)) / 2)


def _line(scene: Scene, view: View, reach: float) -> None:
    """The discriminator of the Dirac-GAN is a line through 0.  It is drawn further than its panel reaches: one beside
    it may reach further.
    """
    theta, slope = words.players(view.frame)
    high, end = reach**2 / 2, 1e3 * reach  # |θψ| is no larger than half the square of their distance from the middle
    title = minus(f"D(x) is a line of slope ψ = {slope:.2f}")
    panel = scene.panel("fakes", title=title, x=(-reach, reach), y=(-high, high), y_label="D(x): higher is more real",
                        x_label="x: the real point is at 0, the fake at θ", equal=False, weight=2.4)  # fmt: skip
    _learners(panel, view)
    panel.lines([np.array([[-end, 0], [end, 0]])], colour="grid", width=1)
    panel.lines([np.array([[-end, -end * slope], [end, end * slope]])], colour="text", width=2, name="D(x) = ψ x")
    push = PUSHED * reach * slope / (1 + abs(slope))
    panel.arrows([[theta, theta * slope]], [[push, 0.0]], colour="gradient", width=2, name="Push on the fake")
    panel.points([[0.0, 0.0]], size=8, colours=["class_1"], name="Real")
    panel.points([[theta, theta * slope]], size=8, colours=["class_0"], name="Fake")


def _folded(scene: Scene, frame: Any) -> None:
    panel = scene.panel("folded", title="The generator folds its noise", x=X, y=Y, x_label="x", y_label="y",
                        weight=2.2)  # fmt: skip
    panel.lines(frame.lines, colour="class_0", name="Grid of the noise", width=1.1)
    if len(frame.centres):
        panel.points(frame.centres, size=6, shape="cross", colours=["mark"], name="Modes")


def _pairs(scene: Scene, frame: Any) -> None:
    """Where each pair's fakes are: a small map each, and under it how many modes they cover."""
    scene.heat_grid("seeds", title=_every(frame), images=frame.seed_maps[:, ::-1], captions=_captions(frame),
                    low=0, high=8, columns=3, chosen=frame.shown, weight=2.2)  # fmt: skip


def _every(frame: Any) -> str:
    """The title of the small maps."""
    if frame.modes < 0:
        return "Fakes of every pair (click one)"
    mean = float(np.mean(frame.of_pairs["modes"]))
    return f"Pairs (click): {mean:.1f} of {frame.modes_total} {words.KINDS[frame.digits]} on average"


def _captions(frame: Any) -> list[str]:
    if frame.modes < 0:
        return [f"energy {energy:.2f}" for energy in frame.of_pairs["energy"]]
    return [f"{modes:.0f} of {frame.modes_total}" for modes in frame.of_pairs["modes"]]


def _circle(scene: Scene, frame: Any, reach: float) -> None:
    """The two numbers of the Dirac-GAN against each other."""
    panel = scene.panel("circle", title=f"Both players: {words.distance(frame):.2f} from the middle", x=(-reach, reach),
                        y=(-reach, reach), x_label="generator θ (where the fake is)",
                        y_label="discriminator ψ (its slope)", weight=2.2)  # fmt: skip
    panel.points(np.zeros((1, 2)), size=7, shape="cross", colours=["mark"], name="Equilibrium")
    if len(frame.trail):
        panel.path(frame.trail, colour="gradient", name="The last rounds")


def _digits(scene: Scene, view: View) -> None:
    """Sheets of digits.  Of many pairs small maps stand where the real digits would."""
    frame, say = view.frame, {"frames_name": SAID, "frames_range": view.frame.surface_range}
    sheet = scene.heat_grid("fakes", title=f"Fakes: {_title(view)}", images=_pictures(frame.fake), low=-1, high=1,
                            columns=8, frames=frame.said[1], **say)  # fmt: skip
    _learners(sheet, view)
    if words.pairs(frame) > 1:
        scene.heat_grid("seeds", title=_every(frame), images=frame.seed_maps, captions=_captions(frame), low=-1, high=1,
                        chosen=frame.shown, columns=2 if words.pairs(frame) < 5 else 3)  # fmt: skip
    elif len(frame.batch_real):
        scene.heat_grid("real", title="This round's real digits", images=_pictures(frame.batch_real[:64]), low=-1,
                        high=1, columns=8)  # fmt: skip
    else:
        scene.heat_grid("real", title="Real digits that nobody trains on", images=_pictures(frame.real), low=-1, high=1,
                        columns=8, frames=frame.said[0], **say)  # fmt: skip
    _round(scene, view)
    _numbers(scene, frame)
    scene.row(0.34)
    count = len(frame.nearest)
    pairs = np.concatenate([frame.fake[:count], frame.nearest])
    scene.heat_grid("nearest", title="First row; below, the nearest real digits", images=_pictures(pairs),
                    low=-1, high=1, columns=count)  # fmt: skip
    _classes(scene, frame)
    scene.row(0.24)
    reach = max(1e-6, float(np.abs(np.nan_to_num(frame.arrows)).max()))
    scene.heat_grid("pushed", title="Its push: blue brighter, orange darker",
                    images=_pictures(frame.arrows), low=-reach, high=reach, palette="diverging",
                    columns=count)  # fmt: skip
    scene.heat_grid("walk", title="From the first one's noise to the second's",
                    images=_pictures(frame.lines[0]), low=-1, high=1, columns=frame.lines.shape[1])  # fmt: skip


def _classes(scene: Scene, frame: Any) -> None:
    """Which digits the fakes look like: a generator that has collapsed draws few of them."""
    top = max(0.25, 1.1 * float(frame.classes.max()))
    panel = scene.panel("classes", title="Which digits the fakes look like", x=(-0.6, 9.6), y=(0, top),
                        x_names=[str(k) for k in range(10)], y_label="share", equal=False, aspect=0.4)  # fmt: skip
    panel.lines([np.array([[k, 0.0], [k, float(share)]]) for k, share in enumerate(frame.classes)], colour="class_0",
                width=16, name="Fakes")  # fmt: skip
    panel.lines([np.array([[-0.6, FAIR], [9.6, FAIR]])], colour="class_1", width=2, name="Real digits")


def _pictures(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values.reshape(-1, 8, 8)
