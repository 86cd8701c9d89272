"""`python -m pictures` draws the picture of every lab anew, and records the run in the README; or what is named.

python -m pictures                 all of it
python -m pictures gan vae         the pictures of two labs
python -m pictures run             only the moving picture
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch comes: one thread is faster for networks of this size
import shutil
import sys

from playwright.sync_api import sync_playwright

from engine.contract import registry
from pictures import gallery, moving

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
RUN = "run"


def main(asked: list[str]) -> int:
    if strangers := [name for name in asked if name != RUN and name not in registry.own()]:
        print(f"There is no lab {', '.join(strangers)}; the labs are {', '.join(registry.own())}.")
        return 2
    chromium = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    labs = tuple(name for name in asked if name != RUN)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        if labs or not asked:
            page = browser.new_page(device_scale_factor=gallery.SCALE, reduced_motion="reduce")
            for file in gallery.draw(page, labs):
                print(f"{file.relative_to(gallery.ROOT)} {file.stat().st_size / 1000:.0f} kB", flush=True)
        if RUN in asked or not asked:
            file = moving.record(browser)
            print(f"{file.relative_to(gallery.ROOT)} {file.stat().st_size / 1000:.0f} kB")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
