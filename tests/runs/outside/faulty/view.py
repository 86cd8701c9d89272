"""The frame itself as a scene, so that tests can read what was drawn."""

from __future__ import annotations

from engine.contract.figure import Figure, Text
from engine.contract.view import Answer, Edit, View
from engine.scene.curves import curves as curves_panel
from engine.scene.scene import Scene


def stage(view: View) -> Scene:
    scene = Scene()
    scene.add("frame", "frame", "", 1.0, step=view.frame.step, seen=view.frame.seen, beside=view.beside,
              weights=scene.arrays.add(view.frame.weights))  # fmt: skip
    return scene


def curves(view: View) -> Scene:
    scene = Scene()
    curves_panel(scene, "loss", history=view.curves, series={"loss": ("loss", "train")}, title="Loss", y_title="loss")
    return scene


def inside(view: View) -> list[Figure]:
    return [Text(f"step {view.step} of {view.last_step}")]


def answer(view: View, pick: dict[str, float]) -> Answer:
    if view.config.fault == "answer":
        return Edit({"index": lambda: "no process can send this"})
    return Edit({"index": pick["index"], "value": 100.0})


def facts(view: View) -> dict[str, float | str]:
    return {"weights": float(view.frame.weights.sum())}
