"""Panels and layers, and the bytes that a browser draws.  One module here for each module in ``assets/scene``."""
