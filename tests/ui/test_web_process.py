"""The web process trains nothing: it draws every page, with every tab open and a run playing, and never loads torch.

A page that can go on with a network from the shelf does so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEVER = ("torch", "sklearn", "scipy", "captum")

DRAW = f"""
import json, sys
import drive
from streamlit.testing.v1 import AppTest
from engine import runs
from engine.contract import registry
from engine.runs.limits import Limits

told = {{}}
pool = runs.start("processes", Limits(workers=1, runs_per_worker=20))
try:
    pool.wait_ready()
    key = pool.open("cnn_filters", registry.lab("cnn_filters").Config(channels=(3, 5))).keep_weights()
    shelved = {{"cnn_filters": {{"network": key}}, "adversarial_examples": {{"network": key, "model": "taken"}}}}
    for slug in registry.labs():
        app = AppTest.from_file(str({str(ROOT / "ui" / "shell.py")!r}), default_timeout=60)
        for knob, value in shelved.get(slug, {{}}).items():
            app.query_params[knob] = value
        app.switch_page(f"../pages/{{slug}}.py").run()
        drive.play(app, slug)
        for tab in ("Inside", "Source", "Mathematics", "Curves"):
            app.session_state[f"{{slug}}.tab"] = tab
            app.run()
        drive.act(app, slug, lambda run: run.pause())
        errors = [each.value for each in app.exception]
        loaded = [name for name in {NEVER} if name in sys.modules]
        player = app.session_state[f"{{slug}}.player"]
        taken = all(getattr(player.config, knob) == value for knob, value in shelved.get(slug, {{}}).items())
        told[slug] = [drive.picture(app, slug).stage is not None and taken, errors, loaded]
finally:
    runs.stop()
print(json.dumps(told))
"""


@pytest.mark.timeout(300)
def test_every_page_is_drawn_in_a_process_that_never_loads_torch(tmp_path: Path) -> None:
    environment = {**os.environ, "PLAYGROUND_DATA": str(tmp_path), "PYTHONPATH": str(ROOT / "tests")}
    drawn = subprocess.run(
        [sys.executable, "-c", DRAW], cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert drawn.returncode == 0, drawn.stderr[-3000:]
    told = json.loads(drawn.stdout.splitlines()[-1])
    assert told == {slug: [True, [], []] for slug in told} and len(told) >= 12
