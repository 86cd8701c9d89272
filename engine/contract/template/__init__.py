"""Which line fits best?

Gradient descent moves a line towards points.  Watch how far it is from the line that the normal equations give at once.

References: Legendre, "Nouvelles méthodes pour la détermination des orbites des comètes", 1805.
"""

from engine.contract.registry import lazily

__getattr__ = lazily(__name__)
