"""The web process trains nothing: it draws every page, with every tab open and a run playing, and never loads torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEVER = ("torch", "sklearn", "scipy", "captum")

DRAW = f"""
import json, sys
from streamlit.testing.v1 import AppTest
from engine import runs
from engine.contract import registry
from engine.runs.limits import Limits

told = {{}}
pool = runs.start("processes", Limits(workers=1, runs_per_worker=20))
try:
    pool.wait_ready()
    for slug in registry.labs():
        app = AppTest.from_file(str({str(ROOT / "ui" / "shell.py")!r}), default_timeout=60)
        app.switch_page(f"../pages/{{slug}}.py").run()
        app.button(f"{{slug}}.play").click().run()
        for tab in ("Inside", "Source", "Mathematics", "Curves"):
            app.session_state[f"{{slug}}.tab"] = tab
            app.run()
        errors = [each.value for each in app.exception]
        loaded = [name for name in {NEVER} if name in sys.modules]
        told[slug] = [app.session_state[f"{{slug}}.player"].on_stage.look.stage is not None, errors, loaded]
finally:
    runs.stop()
print(json.dumps(told))
"""


@pytest.mark.timeout(300)
def test_every_page_is_drawn_in_a_process_that_never_loads_torch() -> None:
    drawn = subprocess.run([sys.executable, "-c", DRAW], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert drawn.returncode == 0, drawn.stderr[-3000:]
    told = json.loads(drawn.stdout.splitlines()[-1])
    assert told == {slug: [True, [], []] for slug in told} and len(told) >= 12
