"""Grokking and the geometry of learning: a course that checks itself, and its library.

The names that most programs need can be imported from here: ``__init__.pyi`` lists them. Each is
loaded at its first use, so that ``import grokedu`` takes no time.

>>> import grokedu
>>> grokedu.make_task("modular_addition", 31, 0.5, seed=0).classes
31
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
