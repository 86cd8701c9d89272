"""What is drawn of an attack: one picture before and after, what both networks answer, and accuracy against ε."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import Figure, Picture, Table, Text
from engine.contract.view import View
from engine.labs.adversarial_examples import tally, words
from engine.labs.adversarial_examples.attack_names import NAMES as ALL
from engine.labs.adversarial_examples.attack_names import TITLES
from engine.scene.attacked import Victim, attacked_picture
from engine.scene.curves import curves as curves_panel
from engine.scene.duel import duel
from engine.scene.panel import Panel
from engine.scene.scene import Scene
from engine.scene.text import Cell, text

COLOURS = ("negative", "positive")  # of the two networks
NAMES = words.NETWORKS
BUTTONS = ("random_sign", "fgsm", "pgd")  # attacks that can be chosen in the head of the hero
ATTACKS = {"random_sign": ("Random sign", "neutral"), "fgsm": ("FGSM", "class_8"), "pgd": ("PGD", "gradient"),
           "transfer": ("PGD, transferred", "class_3")}  # fmt: skip


def stage(view: View) -> Scene:
    """What the attack does to one picture, and the game; below, what attacks do to both networks."""
    frame = view.frame
    scene = Scene(height=900 if view.beside else 1180)
    _pictures(scene, view)
    if frame.pairs is not None and not view.beside:
        _game(scene, view)
    scene.row(0.7)
    if view.beside:
        _accuracies(scene, view)
    else:
        for number in range(2):
            _accuracy(scene, view, number)
    _read(scene, view)
    if not view.beside:
        scene.row(0.7)
        for number in range(2):
            _probabilities(scene, view, number)
        _way(scene, view)
    if frame.step > frame.training_steps and frame.measured < 1:
        scene.row(0.1)
        text(scene, "gaps", [f"{frame.measured:.0%} of the accuracy against ε is measured for these settings of the "
                             "attack; the rest follows while the run plays."])  # fmt: skip
    return scene


def curves(view: View) -> Scene:
    """Accuracy and loss in training, and how much room the margin leaves."""
    scene = Scene(height=572 if "plain_loss" in view.curves else 0)
    if view.curves:
        _training(scene, view)
    if view.config.stored:
        text(scene, "stored", ["These two networks were trained earlier and learn nothing more, so there are no curves "
                               "of training. Set First weights to Random, and both learn here."])  # fmt: skip
    _room(scene, view)
    return scene


def inside(view: View) -> list[Figure]:
    """The decision plane, whether attacks transfer, and which pixels count."""
    return [Picture("planes", _planes(view.frame)), *_transfer(view), _attributions(view.frame)]


def answer(view: View, pick: Mapping[str, Any]) -> None:
    """Nothing on this stage can be picked."""


def say(view: View) -> str:
    """One sentence: what to look at now."""
    return words.say(view)


def facts(view: View) -> dict[str, float | str]:
    """Numbers that texts may name: how many test pictures both networks read, unchanged and under attack."""
    return words.facts(view)


def _pictures(scene: Scene, view: View) -> None:
    """The picture, the change and what it makes, with ε below them; in grey, as the pixels are."""
    frame, config, seen = view.frame, view.config, view.frame.attacked
    changes = np.abs(seen.adversarial - seen.picture).max(axis=(1, 2))
    victims = []
    for number, name in enumerate(NAMES):
        before, after = seen.before[number], seen.after[number]
        fooled = bool(before.argmax() == seen.truth != after.argmax())
        change = f"×{1 / changes[number]:.2g}" if changes[number] else "none"
        victims.append(Victim(name, COLOURS[number], seen.adversarial[number], _taken_for(frame, before),
                              _taken_for(frame, after), change, fooled))  # fmt: skip
    attack = TITLES[ALL.index(config.attack)]
    bound = "each pixel" if config.norm == "inf" else "in all"
    called = "Noise" if config.attack == "random_sign" else f"Attack ({attack})"
    panel = attacked_picture(
        scene, "pictures", title=f"{called}: {bound} by ε = {config.radius:g} at most", picture=seen.picture,
        truth="nobody knows what" if seen.label < 0 else f"a “{frame.classes[seen.label]}”", victims=victims, weight=3,
    )  # fmt: skip
    name, high = ("eps", 0.3) if config.norm == "inf" else ("eps_2", 5.0)
    marks = [(8 / 255, "usual: 8/255")] if config.norm == "inf" else []
    panel.rail(
        name, float(config.radius), low=0.0, high=max(high, config.radius), label="Largest change ε", marks=marks
    )
    if view.beside:
        return
    texts = ("Noise", "1 step", f"{config.steps} step{'s' * (config.steps > 1)}")
    panel.buttons([(text, {"attack": each}) for text, each in zip(texts, BUTTONS, strict=True)], label="Attack",
                  chosen=BUTTONS.index(config.attack) if config.attack in BUTTONS else None)  # fmt: skip
    following = (config.example + 1) % (config.knobs()["example"].high + 1)
    panel.buttons([("Next", {"example": str(following), "picture": ""})], label="Picture")


def _game(scene: Scene, view: View) -> None:
    """Pictures beside their attacked twins; which is which is told by the panel once one is clicked."""
    frame, pairs = view.frame, view.frame.pairs
    attack = TITLES[ALL.index(pairs.attack)]
    right, wrong = pairs.before.argmax(1) == pairs.truth, pairs.after.argmax(1) != pairs.truth
    duel(
        scene, "game", title="Which one is attacked?",
        pictures=pairs.pictures, adversarial=pairs.adversarial, left=pairs.left,
        before=[_taken_for(frame, sure) for sure in pairs.before],
        after=[_taken_for(frame, sure) for sure in pairs.after], fooled=list(right & wrong), weight=2,
        note=f"Of the next {pairs.tried} test pictures the plain network reads {pairs.read}; {attack} fools it with "
        f"{pairs.fooled} of them, and those come first.",
    )  # fmt: skip


def _taken_for(frame: Any, sure: np.ndarray) -> str:
    """What a network answers, and how sure it is."""
    return f"“{frame.classes[int(sure.argmax())]}” {sure.max():.0%}"


def _probabilities(scene: Scene, view: View, number: int) -> None:
    """Two bars a class: before the attack and after it."""
    frame, seen = view.frame, view.frame.attacked
    short = all(len(name) <= 2 for name in frame.classes)
    before, after = words.answers(view)
    panel = scene.panel(
        f"sure{number}", title=f"{NAMES[number].capitalize()}: “{before[number]}” → “{after[number]}”",
        x=(-0.6, len(frame.classes) - 0.4), y=(0, 1.02), x_label="class", y_label="probability", equal=False,
        x_names=frame.classes if short else [str(k) for k in range(len(frame.classes))], aspect=0.45,
    )  # fmt: skip
    for values, shift, colour, name in ((seen.before[number], -0.17, "neutral", "before"),
                                        (seen.after[number], 0.17, COLOURS[number], "under attack")):  # fmt: skip
        bars = [np.array([[k + shift, 0.0], [k + shift, value]]) for k, value in enumerate(values)]
        panel.lines(bars, colour=colour, width=7, name=name)


def _way(scene: Scene, view: View) -> None:
    """The probability of the true class, step by step of the attack."""
    seen, config = view.frame.attacked, view.config
    longest = max(2, *(len(way) for way in seen.way))
    truth = view.frame.classes[seen.truth]
    panel = scene.panel("way", title="Way of the attack", x=(0, longest - 1), y=(0, 1.02), equal=False,
                        aspect=0.45, x_label="step of the attack", y_label=f"probability of “{truth}”")  # fmt: skip
    for number, name in enumerate(NAMES):
        way = seen.way[number]
        panel.path(
            np.column_stack([np.arange(len(way)), way[:, seen.truth]]), colour=COLOURS[number], name=name, head=False
        )
        if config.target != "none" and int(config.target) != seen.truth:
            towards = np.column_stack([np.arange(len(way)), way[:, int(config.target)]])
            wanted = view.frame.classes[int(config.target)]
            panel.path(towards, colour=COLOURS[number], width=1.2, name=f"{name}: “{wanted}”")


def _accuracy(scene: Scene, view: View, number: int) -> None:
    """Share of test pictures that one network still reads right under each attack, as far as it is measured."""
    share, at = words.shares(view.frame)[number], words.place(view)
    told = next((name for name in (words.counted(view), "fgsm")
                 if np.isfinite(share[tally.ATTACKS.index(name), at])), None)  # fmt: skip
    title = f"{NAMES[number].capitalize()}: right under attack"
    if told:
        known = share[tally.ATTACKS.index(told), at]
        title = f"{NAMES[number].capitalize()}: {known:.0%} right under {words.ATTACKS[told]}"
    panel = _against_radius(scene, view, f"accuracy{number}", title)
    for kind, name in enumerate(tally.ATTACKS):
        called, colour = ATTACKS[name]
        _curve(panel, view, share[kind], colour=colour, name=called, width=3 if name == "pgd" else 2)
        _number(panel, view, share[kind], colour)


def _accuracies(scene: Scene, view: View) -> None:
    """The same of both networks under one attack: the chosen one, or FGSM while they train and it is not measured."""
    share, at, told = words.shares(view.frame), words.place(view), words.counted(view)
    if not np.isfinite(share[:, tally.ATTACKS.index(told), 1:]).any():
        told = "fgsm"
    kind = tally.ATTACKS.index(told)
    panel = _against_radius(
        scene, view, "accuracy", f"Right under {words.ATTACKS[told]}: plain {words.percent(share[0, kind, at])}, "
        f"defended {words.percent(share[1, kind, at])}",
    )  # fmt: skip
    for number, name in enumerate(NAMES):
        _curve(panel, view, share[number, kind], colour=COLOURS[number], name=name, width=3)
        _number(panel, view, share[number, kind], COLOURS[number])


def _against_radius(scene: Scene, view: View, key: str, title: str) -> Panel:
    """A panel for shares against ε, with a rule at the radius of which its title speaks."""
    frame = view.frame
    tried = int(frame.asked[0, 0, 0])
    of = "" if tried in (0, tally.PICTURES) else f", {tried} pictures"
    panel = scene.panel(key, title=title, x=(0, float(frame.radii[-1])), y=(0, 1.02), x_label="ε",
                        y_label=f"share right{of}", equal=False, aspect=0.45)  # fmt: skip
    rule = float(frame.radii[words.place(view)])
    panel.lines([np.array([[rule, 0], [rule, 1.02]])], colour="neutral", width=1)
    return panel


def _curve(panel: Panel, view: View, share: np.ndarray, *, colour: str, name: str, width: float) -> None:
    there = np.isfinite(share)
    if there.sum() > 1:
        line = np.column_stack([view.frame.radii, share])[there]
        panel.path(line, colour=colour, name=name, width=width, head=False)


def _number(panel: Panel, view: View, share: np.ndarray, colour: str) -> None:
    """What a curve says where the rule stands."""
    at = words.place(view)
    if np.isfinite(share[at]) and np.isfinite(share).sum() > 1:
        panel.text(float(view.frame.radii[at]), float(share[at]), f"{share[at]:.0%}", colour=colour, mark=False)


def _read(scene: Scene, view: View) -> None:
    """A table of what the panels above say at the radius of the rule."""
    frame, share, at = view.frame, words.shares(view.frame), words.place(view)
    kinds = [k for k, name in enumerate(tally.ATTACKS)
             if not view.beside or name in ("random_sign", words.counted(view))]  # fmt: skip
    rows: list[list[Cell]] = [["", *NAMES], ["unchanged", *map(words.percent, share[:, 0, 0])]]
    rows += [[words.ATTACKS[tally.ATTACKS[k]], *map(words.percent, share[:, k, at])] for k in kinds]
    left = max(0, frame.training_steps - frame.step)
    later = f"; the rest is measured after training, in {left:,} steps" if left else ""
    text(scene, "read", rows, title=f"Test pictures read right at ε = {frame.radii[at]:g}{later}", table=True,
         header=True)  # fmt: skip


def _training(scene: Scene, view: View) -> None:
    """What both networks learned, up to the step where they stop and are measured; of stored ones nothing is known."""
    if "plain_loss" not in view.curves:
        return
    end = view.frame.training_steps
    trained = {name: (steps[steps <= end], values[steps <= end]) for name, (steps, values) in view.curves.items()}
    marker = view.marker if view.marker is not None and view.marker <= end else None
    plain, defended = NAMES
    curves_panel(scene, "accuracy", history=trained, marker=marker, y_title="accuracy",
                 series={"plain_accuracy": (plain, "negative"), "plain_attacked": (f"{plain}, under FGSM", "class_8"),
                         "defended_accuracy": (defended, "positive"),
                         "defended_attacked": (f"{defended}, under FGSM", "class_9")},
                 title="Test pictures read right in training")  # fmt: skip
    scene.row()
    curves_panel(scene, "loss", history=trained, marker=marker, y_title="cross-entropy",
                 series={"plain_loss": (plain, "negative"), "defended_loss": (defended, "positive")},
                 title="Loss on what each learns from")  # fmt: skip


def _room(scene: Scene, view: View) -> None:
    """The margin of the picture, and how steep it is: what a linear network would lose within eps."""
    seen, config = view.frame.attacked, view.config
    slopes, dual = (seen.slope_1, "₁") if config.norm == "inf" else (seen.slope_2, "₂")
    rows: list[list[Cell]] = [["", "margin m", "‖∇m‖₁", "‖∇m‖₂", f"m / ‖∇m‖{dual}", f"m − ε‖∇m‖{dual}",
                               "margin under this attack"]]  # fmt: skip
    for number, name in enumerate(NAMES):
        m, slope = float(seen.margin[number]), float(slopes[number])
        rows.append([name, f"{m:.2f}", f"{seen.slope_1[number]:.1f}", f"{seen.slope_2[number]:.1f}",
                     f"{m / slope:.3f}" if slope else "–", f"{m - config.radius * slope:.2f}",
                     f"{seen.margin_after[number]:.2f}"])  # fmt: skip
    text(scene, "room", rows, title="How much room the picture has", table=True, header=True)
    text(scene, "explained", [
        "The margin m is the logit of the true class minus the largest other: below 0 the network errs. If the network "
        "were linear and no pixel ended at black or white, the ε in the fourth column would be enough to fool it, and "
        "the best attack would leave exactly the margin in the fifth."
    ])  # fmt: skip


def _planes(frame: Any) -> Scene:
    """What both networks answer on a plane through the picture, along the attack and along noise."""
    from engine.labs.adversarial_examples.frame import PLANE_X, PLANE_Y  # with torch: where frames are, it is loaded

    seen = frame.attacked
    scene = Scene(height=440)
    for number, name in enumerate(NAMES):
        panel = scene.panel(f"plane{number}", title=f"Around the picture: {name}", x=PLANE_X, y=PLANE_Y,
                            x_label="along the attack", y_label="along random noise")  # fmt: skip
        panel.classes(seen.plane[number], seen.sureness[number], names=[f"“{name}”" for name in frame.classes],
                      name="Answer, pale where unsure")  # fmt: skip
        panel.points(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([0, 1]), colours=["mark", "gradient"],
                     names=["the picture", "under attack"], size=6, name="Pictures")  # fmt: skip
        panel.text(0.0, 0.0, "the picture", mark=False)
        panel.text(1.0, 0.0, "under attack", mark=False)
        for label, (x, y) in _middles(seen.plane[number], PLANE_X, PLANE_Y).items():
            panel.text(0.92 * x, 0.92 * y, f"“{frame.classes[label]}”", centred=True)  # off the edge
    return scene


def _middles(plane: np.ndarray, across: tuple[float, float], up: tuple[float, float]) -> dict[int, tuple[float, float]]:
    """For each class on the plane (R, R) a place well within its region, away from the row of the two pictures."""
    n, found = len(plane), {}
    for label in np.unique(plane).tolist():
        inside = np.pad(plane == label, 1)
        inside[n // 2 : n // 2 + 3] = False  # where the pictures are named
        while (smaller := inside & _shifted(inside)).any():
            inside = smaller
        if inside.any():
            rows, columns = np.nonzero(inside[1:-1, 1:-1])
            middle = len(rows) // 2
            found[label] = (float(np.linspace(*across, n)[columns[middle]]), float(np.linspace(*up, n)[rows[middle]]))
    return found


def _shifted(mask: np.ndarray) -> np.ndarray:
    """Where all four neighbours are within the mask, which has an empty edge."""
    moved = [np.roll(mask, by, axis) for axis in (0, 1) for by in (1, -1)]
    return np.asarray(np.logical_and.reduce(moved))


def _transfer(view: View) -> list[Figure]:
    """How often each network is right when the attack follows its own gradient, and when the other's."""
    frame = view.frame
    place = int(np.abs(frame.radii - view.config.radius).argmin())
    share = tally.shares(frame.right, frame.asked)[:, :, place]
    pgd, other = tally.ATTACKS.index("pgd"), tally.ATTACKS.index("transfer")
    if not np.isfinite(share[:, [pgd, other]]).all():
        return [Text("Whether an attack made for one network fools the other is known when the accuracy is measured.",
                     tone="hint")]  # fmt: skip
    plain, defended = NAMES
    rows = [[plain, f"{share[0, pgd]:.0%}", f"{share[1, other]:.0%}"],
            [defended, f"{share[0, other]:.0%}", f"{share[1, pgd]:.0%}"]]  # fmt: skip
    return [
        Text("#### Does an attack transfer?\n"
             f"Share of test pictures read right under PGD with ε = {frame.radii[place]:g}"),
        Table(("the attack follows the gradient of", f"{plain} reads", f"{defended} reads"), rows),
    ]  # fmt: skip


def _attributions(frame: Any) -> Figure:
    """The pixels that each answer rests on, before the attack and under it."""
    maps = frame.attacked.attributions
    if not len(maps):
        return Text("Switch on **Which pixels count?** among the knobs of the picture to see what each answer rests "
                    "on.", tone="hint")  # fmt: skip
    reach = np.maximum(np.abs(maps).max(axis=(1, 2)), 1e-9)
    names = [f"{name}, {when}" for name in NAMES for when in ("before", "under attack")]
    scene = Scene(height=280)
    scene.heat_grid("counts", title="Which pixels speak for the answer, and which against it", images=maps,
                    captions=names, low=-reach, high=reach, palette="diverging", columns=4)  # fmt: skip
    return Picture("counts", scene)
