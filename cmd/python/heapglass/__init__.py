"""The heap of a running CPython process, from outside.

    import heapglass

    heap = heapglass.open(4711)             # a process id, "@NAME", a core file or a snapshot
    for suspect in heap.leaks().suspects:
        print(suspect.owner, suspect.bytes, suspect.cure)
    heap.query("SELECT type, count(*) AS n FROM objects GROUP BY type ORDER BY n DESC LIMIT 5").to_pandas()
    heap.backrefs(type="app.Session")       # a picture, which Jupyter shows

The work is done by the program `heapglass`, which is in the package or found on PATH; see docs/python.md.
"""
from __future__ import annotations

from typing import Any, Optional

from ._program import find_program
from .errors import (AnswerTimeout, FileError, HeapglassError, InternalError, NotPythonError, ProgramNotFound, TargetError,
                     ThresholdExceeded, UsageError)
from .heap import Heap, Picture, Target, diff, growth, ps
from .results import Record, Rows

__all__ = ["AnswerTimeout", "FileError", "Heap", "HeapglassError", "InternalError", "NotPythonError", "Picture", "ProgramNotFound",
           "Record", "Rows", "Target", "TargetError", "ThresholdExceeded", "UsageError", "diff", "find_program", "growth", "open",
           "ps"]


def open(target: Target, *, timeout: Optional[float] = None, **options: Any) -> Heap:
    """The heap of a process id, "@NAME", core file or snapshot. Nothing is read before the first question."""
    return Heap(target, timeout=timeout, **options)
