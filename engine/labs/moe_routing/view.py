"""What is drawn of a mixture of experts: who rules where, what flows where, how load moved, and what each answers.

Of the three networks that learn beside each other it tells errors, sizes and costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import Figure, Table, Text
from engine.contract.view import Answer, View
from engine.data.text import UNKNOWN
from engine.labs.moe_routing import words
from engine.labs.moe_routing.config import LIMIT
from engine.scene.curves import curves as curves_panel
from engine.scene.panel import Panel
from engine.scene.passage import passage
from engine.scene.rail import Rails
from engine.scene.scene import Scene

PLANE = (-LIMIT, LIMIT)
NETWORKS = {"moe": ("mixture of experts", "train"), "equal_compute": ("dense, equal compute", "neutral"),
            "equal_size": ("dense, equal size", "test")}  # fmt: skip
FIRST, SECOND = 440, 440  # pixels: how tall the rows of the stage are
LABELLED = 0.02  # share of the plane from which on an expert's name stands in its part
NAME = (0.66, 0.19)  # half the room that an expert's name takes on the plane, where that is 240 pixels
TOLD = (0.85, 0.19)  # and what is told of one dot
RAIL = 1.0  # end of the rail of the balancing loss
FEW = 8  # so many experts have a line each; more are the rows of a map
FLOWS = 12  # experts to which bands lead at most
SEEN = words.FREQUENT  # characters whose way is shown, the most frequent first
Place = tuple[float, float]
WRITTEN = {" ": "␣", "\n": "⏎", "\t": "⇥", UNKNOWN: "other"}


def stage(view: View) -> Scene:
    """Points by the expert that rules them and how load moved; or text by expert and where characters go.

    Below: where tokens flow, and what everybody answers.
    """
    frame = view.frame
    scene = Scene(height=FIRST + SECOND)
    if frame.passage:
        _passage(scene, view)
        _characters(scene, view)
        scene.row(SECOND / FIRST)
        _loads(scene, view)
        _flow(scene, frame)
        return scene
    _plane(scene, view)
    _loads(scene, view)
    scene.row(SECOND / FIRST)
    _flow(scene, frame)
    _answers(scene, frame)
    return scene


def curves(view: View) -> Scene:
    """Errors of the three networks; balance and specialisation, which are not the same; what is dropped."""
    scene = Scene(height=572)
    if not view.curves:
        return scene
    common: dict[str, Any] = {"history": view.curves, "marker": view.marker}
    text = view.config.data == "text"
    moe, compute, size = view.frame.scores
    curves_panel(scene, "error", series=NETWORKS, log_y=not text, floor=1e-5,
                 title=f"Test error: mixture {moe:.3f}, equal compute {compute:.3f}, equal size {size:.3f}",
                 y_title="cross-entropy (nats)" if text else "share of variance left", **common)  # fmt: skip
    scene.row()
    curves_panel(scene, "balance", series={"violation": ("imbalance", "gradient")}, y_title="imbalance",
                 title="Balanced? Largest load over the mean, less 1: 0 is perfect", **common)  # fmt: skip
    other = "character" if text else "cluster"
    curves_panel(scene, "special", series={"information": ("mutual information", "positive"),
                                           "dropped": ("dropped choices", "gradient")},
                 title=f"Specialised? What the expert tells of the {other}: 1 is all", y_title="share",
                 **common)  # fmt: skip
    return scene


def inside(view: View) -> list[Figure]:
    """What is stored, what is used, and each expert's numbers."""
    frame, config = view.frame, view.config
    rows = [
        [name, f"{size.neurons:,}" if size.neurons else "linear", f"{size.stored:,}", f"{size.used:,}",
         f"{size.flops:,}", f"{score:.3f}"]
        for (name, _), size, score in zip(NETWORKS.values(), frame.sizes, frame.scores, strict=True)
    ]  # fmt: skip
    linear = ""
    if not config.width and config.top_k + config.shared > 1:
        linear = (" Linear maps that are added up are no more than one: that is why the dense network of equal compute "
                  "is a single one, and computes less than the mixture.")  # fmt: skip
    experts = [
        [f"{i + 1}", f"{load:.1%}", "–" if np.isnan(error) else f"{error:.3f}", f"{bias:+.3f}"]
        for i, (load, error, bias) in enumerate(zip(frame.load, frame.errors, frame.bias, strict=True))
    ]
    return [
        Table(("layer", "hidden neurons", "parameters stored", "used for a token", "operations for a token",
               "test error"), rows, title="Stored and used"),
        Text("Only the layer in question counts, with its router. A multiplication and its addition are two "
             f"operations. The hidden neurons of the mixture are those of one expert.{linear}", tone="note"),
        Table(("expert", "load", "error where it is first choice", "bias"), experts, title="Experts"),
    ]  # fmt: skip


def answer(view: View, pick: Mapping[str, Any]) -> Answer:
    """Nothing on this stage is picked."""
    return None


def facts(view: View) -> dict[str, float | str]:
    """The numbers that lessons name."""
    return words.facts(view)


def say(view: View) -> str:
    """One sentence: what to look at now."""
    return words.say(view)


def _plane(scene: Scene, view: View) -> None:
    """Who rules where, each with its share of the tokens, what is asked there, and the knob that keeps shares even."""
    frame = view.frame
    names = [f"expert {i + 1}" for i in range(len(frame.load))]
    panel = scene.panel("plane", title=words.plane_title(view), x=PLANE, y=PLANE, x_label="x", y_label="y",
                        weight=1.15)  # fmt: skip
    panel.classes(frame.ruler, frame.sureness, names=names, name="Which expert is asked (pale: unsure)")
    groups = [f"cluster {k + 1}" for k in range(len(frame.names))]
    dots = zip(frame.kinds, frame.chosen, frame.wanted, frame.guessed, strict=True)
    by = "by" if view.config.top_k + view.config.shared == 1 else "by all that it is sent to, first"
    said = [f"{groups[k]}, its number {wanted:.1f}, guessed {guess:.1f} {by} {names[e]}".replace("-", "−")
            for k, e, wanted, guess in dots]  # fmt: skip
    kept, right = ~frame.dropped, np.abs(frame.guessed - frame.wanted) < words.NEAR
    for shape, name, those in (("circle", f"Guess right: off by less than {words.NEAR:g}", right),
                               ("ring", "wrong", ~right)):  # fmt: skip
        shown = np.flatnonzero(kept & those)
        panel.points(frame.points[shown], frame.chosen[shown], size=3.4, shape=shape, name=name,
                     labels=[said[k] for k in shown])  # fmt: skip
    if frame.dropped.any():
        panel.points(frame.points[frame.dropped], size=5, shape="cross", colours=["gradient"], name="Dropped tokens")
    told = _one_told(panel, frame)
    for i, (x, y) in (_places(frame.ruler, frame.points, told) if len(names) <= FEW else {}).items():
        panel.text(x, y, f"{names[i]}: {frame.load[i]:.0%}", centred=True)
    _rail(panel, view)


def _one_told(panel: Panel, frame: Any) -> Place:
    """Write beside the dot with the largest number what that is and what is guessed, where no other dot is hidden."""
    shown = int(frame.wanted.argmax())
    dot = frame.points[shown]
    across = np.linspace(*PLANE, 25)
    free = np.stack(np.meshgrid(across, across), axis=-1).reshape(-1, 2)
    free = free[(np.abs(free) <= LIMIT - np.array(TOLD)).all(axis=1)]
    x, y = _free(free, half=TOLD, dots=frame.points, taken={}, far=np.linalg.norm(free - dot, axis=1))
    guess = "no guess" if frame.dropped[shown] else f"guess {frame.guessed[shown]:.1f}".replace("-", "−")
    panel.points([dot], size=6, shape="ring", colours=["mark"])
    panel.text(x, y, f"is {frame.wanted[shown]:.1f}, {guess}", centred=True)
    return x, y


def _places(ruler: Any, dots: Any, told: Place) -> dict[int, Place]:
    """Where the name of each expert stands on the map `ruler` (R, R): in its part, and on as few `dots` as it can.

    Around `told` something is written already.
    """
    across = np.linspace(*PLANE, len(ruler))
    found: dict[int, Place] = {}
    for i in np.unique(ruler):
        y, x = np.nonzero(ruler == i)
        if len(x) < LABELLED * ruler.size:
            continue
        own = np.column_stack([across[x], across[y]])  # (n, 2)
        within = own[(np.abs(own) <= LIMIT - np.array(NAME)).all(axis=1)]
        at = (within if len(within) else own)[::5]
        taken = {told: TOLD} | dict.fromkeys(found.values(), NAME)
        far = np.linalg.norm(at - own.mean(axis=0), axis=1)
        found[int(i)] = _free(at, half=NAME, dots=dots, taken=taken, far=far)
    return found


def _free(places: Any, *, half: Place, dots: Any, taken: Mapping[Place, Place], far: Any) -> Place:
    """Of `places` (n, 2) the least `far` where words of `half` that size hide as few `dots` as they can.

    Nor should they meet other words: those `taken` have their place, and half of their size.
    """
    hidden = (np.abs(places[:, None] - dots) < half).all(axis=2).sum(axis=1)
    for place, size in taken.items():
        meets = (np.abs(places - place) < np.add(half, size)).all(axis=1)
        hidden = hidden + len(dots) * meets
    x, y = places[np.argmin(hidden + 0.5 * far)]
    return float(x), float(y)


def _rail(panel: Rails, view: View) -> None:
    """The weight of the balancing loss, to be taken away while it trains."""
    value = view.config.balance_loss
    panel.rail("balance_loss", value, low=0.0, high=max(RAIL, value), label="Even shares (α)",
               marks=[(0.0, "some starve"), (1.0, "shares even")])  # fmt: skip


def _passage(scene: Scene, view: View) -> None:
    frame = view.frame
    numbers = f"imbalance {frame.violation:.2f}, mutual information {frame.information:.2f}"
    text = "".join(WRITTEN.get(c, c) if c != UNKNOWN else c for c in frame.passage)
    panel = passage(scene, "passage", title=f"Each character by its expert: {numbers}", text=text, group=frame.chosen,
            names=[f"expert {i + 1}" for i in range(len(frame.load))], strength=frame.sureness,
            label="router's probability", crossed=frame.dropped, crossing="dropped: all its experts were full",
            weight=1.15)  # fmt: skip
    _rail(panel, view)


def _flow(scene: Scene, frame: Any) -> None:
    """Bands from each group of tokens to its experts, as wide as their share."""
    lost = frame.flow[:, -1].sum() > 0
    came = frame.flow[:, :-1].sum(0)
    busiest = np.argsort(-came, kind="stable")[:FLOWS]
    shown = np.sort(busiest[came[busiest] > 0])
    busy = f" (the {FLOWS} busiest experts)" if (came > 0).sum() > FLOWS else ""
    ends = [*shown, *([frame.flow.shape[1] - 1] if lost else [])]
    told = f"imbalance {frame.violation:.2f}, mutual information {frame.information:.2f}"
    if lost or words.dropped(frame):
        told = f"{words.dropped(frame):.0%} are dropped, error {frame.scores[0]:.2f}"
    panel = scene.panel("flow", title=f"Where tokens flow{busy}: {told}", x=(-0.45, 1.45),
                        y=(-0.03, 1.06), weight=1.1, equal=False, x_names=["tokens", "experts"],
                        y_names=[""])  # fmt: skip
    gap_left, gap_right = (0.3 / max(1, count - 1) for count in (len(frame.names), len(ends)))  # bands share the rest
    left = np.concatenate([[0], np.cumsum(frame.flow.sum(1) * 0.7 + gap_left)])
    right = np.concatenate([[0], np.cumsum(frame.flow[:, ends].sum(0) * 0.7 + gap_right)])
    x = np.linspace(0, 1, 24)
    bend = x * x * (3 - 2 * x)
    at_left, at_right = left[:-1].copy(), right[:-1].copy()
    for g in range(len(frame.names)):
        for place, e in enumerate(ends):
            wide = float(frame.flow[g, e]) * 0.7
            if wide <= 0:
                continue
            low = at_left[g] + (at_right[place] - at_left[g]) * bend
            colour = "gradient" if e == frame.flow.shape[1] - 1 else f"class_{e % 10}"
            for _ in range(2):  # twice as strong
                panel.band(x, low, low + wide, colour=colour)
            at_left[g] += wide
            at_right[place] += wide
    for g, name in enumerate(frame.names):
        if frame.flow[g].sum() > 0:
            panel.text(-0.4, left[g] + 0.35 * frame.flow[g].sum(), name, mark=False)
    for place, e in enumerate(ends):
        name = "dropped" if e == frame.flow.shape[1] - 1 else f"expert {e + 1}"
        panel.text(1.0, right[place] + 0.35 * frame.flow[:, e].sum(), name, mark=False)


def _loads(scene: Scene, view: View) -> None:
    """The load of every expert so far: a line each, or for many experts a row each."""
    E = len(view.frame.load)
    last = max(60, view.last_step)
    seen = {i: view.curves[f"load.{i}"] for i in range(E) if f"load.{i}" in view.curves}
    title = f"Load of every expert: {words.working(view.frame)} of {E} at work, error {view.frame.scores[0]:.2f}"
    if not view.step:
        title = "Does each get its share of the tokens?"
    if E <= FEW:
        top = min(1.0, max([2 / E, *(1.1 * float(values.max()) for _, values in seen.values() if len(values))]))
        of = "the tokens" if view.config.top_k == 1 else "all choices"
        panel = scene.panel("loads", title=title, x=(-0.03 * last, 1.03 * last), y=(-0.04 * top, 1.04 * top),
                            x_label="step", y_label=f"share of {of}", equal=False)  # fmt: skip
        panel.lines([[[0, 1 / E], [last, 1 / E]]], colour="neutral", name=f"Fair share: {1 / E:.0%}", width=1.5)
        if not seen:
            panel.points([[0, share] for share in view.frame.load], np.arange(E), size=5, name="before training")
        for i, (steps, values) in seen.items():
            thin = slice(None, None, max(1, len(steps) // 300))
            panel.path(
                np.column_stack([steps, values])[thin], colour=f"class_{i % 10}", name=f"Expert {i + 1}", width=2
            )
        return
    panel = scene.panel("loads", title=title, x=(0, last), y=(0.5, E + 0.5), x_label="step", y_label="expert",
                        equal=False, y_names=_numbers(E))  # fmt: skip
    if seen:
        steps = seen[0][0]
        kept = np.linspace(0, len(steps) - 1, min(len(steps), 150)).astype(int)
        loads = np.stack([values[kept] for _, values in seen.values()]) * E  # (E, T)
        panel.heatmap(loads, extent=(float(steps[0]), max(float(steps[-1]), float(steps[0]) + 1), 1, E), low=0, high=4,
                      palette="sequential", discrete=True, name="Load, 1 is fair (dark: 4 or more)")  # fmt: skip


def _numbers(count: int) -> list[str]:
    """Names for 1, 2, … on an axis that has a place for 0."""
    return ["", *(str(i + 1) for i in range(count))]


def _answers(scene: Scene, frame: Any) -> None:
    moe, compute, size = frame.scores
    reach = float(np.abs(frame.answers[0]).max())
    scene.heat_grid(
        "answers", title="Target, and what each answers", images=frame.answers[:, ::-1], columns=2,
        captions=["target", f"mixture: error {moe:.2f}", f"equal compute: {compute:.2f}",
                  f"equal size: {size:.2f}"], low=-reach, high=reach, palette="diverging", discrete=False,
    )  # fmt: skip
    E = len(frame.load)
    captions = [f"expert {i + 1}: {load:.0%}" for i, load in enumerate(frame.load)]
    captions += ["shared"] * (len(frame.expert_answers) - E)
    same = "" if np.isnan(frame.alike) else f": any two correlate by {frame.alike:+.2f}".replace("-", "−")
    scene.heat_grid("experts", title=f"Each expert's own fit{same}", images=frame.expert_answers[:, ::-1],
                    captions=captions if E <= 12 else [], low=-reach, high=reach, palette="diverging",
                    discrete=False)  # fmt: skip


def _characters(scene: Scene, view: View) -> None:
    frame = view.frame
    characters = [WRITTEN.get(c, c) for c in frame.characters[:SEEN]]
    E = len(frame.load)
    title = f"{words.gathered(frame)} of {len(characters)} characters send more than half to one expert"
    panel = scene.panel("characters", title=title, x=(-0.5, len(characters) - 0.5), y=(0.5, E + 0.5),
                        x_names=characters, y_names=_numbers(E), x_label="character, most frequent first",
                        y_label="expert", equal=False)  # fmt: skip
    panel.heatmap(frame.character_flow[:SEEN].T, extent=(0, max(1, len(characters) - 1), 1, max(E, 2)), low=0, high=1,
                  palette="sequential", discrete=True, name="Share of the character's tokens")  # fmt: skip
