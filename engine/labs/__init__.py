"""The labs, a folder each.  `engine.labs()` finds them by their names.

``PLAYGROUND_LABS`` may name further folders with labs, separated like ``PATH``.
"""

import os

__path__ += [folder for folder in os.environ.get("PLAYGROUND_LABS", "").split(os.pathsep) if folder]
