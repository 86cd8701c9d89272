"""Fetches MNIST or Fashion-MNIST from OpenML: ``python -m engine.data.openml mnist FOLDER``.  See `images.fetch`."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import tempfile
import urllib.error
from pathlib import Path

import numpy as np

from engine.contract import console
from engine.data import images

NAMES = {"mnist": ("mnist_784", 1), "fashion_mnist": ("Fashion-MNIST", 1)}  # name and version at OpenML
SILENCE = 30.0  # seconds without a byte after which the network counts as gone


def fetch(name: str, folder: Path) -> None:
    """Fetch the data set, check it, and put ``pictures.npy`` and ``labels.npy`` into `folder`, both or none.

    scikit-learn checks OpenML's MD5 sum; `engine.data.images.check` looks at shapes and values.  Raises `ValueError` or
    `OSError`.
    """
    from sklearn.datasets import fetch_openml

    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}.coming.", dir=folder.parent) as temporary:
        coming = Path(temporary)
        title, version = NAMES[name]
        found = fetch_openml(title, version=version, as_frame=False, data_home=str(coming), parser="pandas")
        pixels, labels = np.asarray(found.data), np.asarray(found.target).astype(np.int64)
        if pixels.shape != (images.TRAIN + images.TEST, images.SIDE**2) or pixels.min() < 0 or pixels.max() != 255:
            raise ValueError(f"OpenML sent something else than {title}: an array of shape {pixels.shape}")
        x = (pixels / np.float32(255)).astype(np.float32).reshape(-1, 1, images.SIDE, images.SIDE)
        images.check(x, labels)
        ready = coming / "ready"
        ready.mkdir()
        np.save(ready / "pictures.npy", x)
        np.save(ready / "labels.npy", labels)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(ready, folder)


def main() -> None:
    console.speak_utf8()  # the parent reads what went wrong
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("it was stopped"))  # so that what has come so far is removed
    socket.setdefaulttimeout(SILENCE)
    try:
        fetch(sys.argv[1], Path(sys.argv[2]))
    except urllib.error.URLError:
        sys.exit("OpenML cannot be reached from this server")
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)  # without the path, which is nobody's business
        sys.exit(" ".join(said.split()) or type(error).__name__)


if __name__ == "__main__":
    main()
