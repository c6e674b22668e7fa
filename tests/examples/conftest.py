"""Keeps the libraries of the example to one core, as its job does: many threads on few cores only wait."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
