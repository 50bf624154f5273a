"""STS refuses nothing of its own: whoever is authenticated may ask who they are.

Read by api/faults.py.
"""

from pillarbox.api.faults import Shape

SHAPE_FOR: dict[type[BaseException], Shape] = {}
