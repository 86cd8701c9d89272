"""What the playground promises about speed and memory, measured: `python -m benchmarks` writes docs/benchmarks.md.

`engine.py` compares runs on a bench with a bare loop, `class_load.py` brings a class of raw clients,
`cluster.py` the same class to a cluster, `browser.py` watches the app as a visitor meets it, `report.py` writes down
what they found.  Comparisons are ratios within one run,
taken in turns, since machines differ and drift.
"""
