"""The labs, a folder each.  `engine.labs()` finds them by their names.

Labs from outside: ``PLAYGROUND_LABS`` may name further folders with labs, separated like ``PATH``, and an installed
package may name one of its packages by an entry point of the group ``deep_learning_playground.labs``.  Nothing of
either is imported before somebody opens a lab, but for the package that holds an entry point's package.
"""

import logging
import os
from importlib.metadata import entry_points
from importlib.util import find_spec

__path__ += [folder for folder in os.environ.get("PLAYGROUND_LABS", "").split(os.pathsep) if folder]
for _point in entry_points(group="deep_learning_playground.labs"):
    try:
        _spec = find_spec(_point.value)
    except Exception:  # somebody else's package: whatever is wrong with it costs its own labs
        logging.getLogger(__name__).exception("The labs of %s cannot be found.", _point.value)
        continue
    __path__ += list(_spec.submodule_search_locations or []) if _spec else []
