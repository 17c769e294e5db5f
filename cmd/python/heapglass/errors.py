"""What can go wrong, one exception for each exit code of the program (docs/manual.md#exit-codes)."""
from __future__ import annotations

from typing import Any, Dict, Optional, Sequence, Tuple, Type


class HeapglassError(Exception):
    """What the program said: `message`, what can be done about it (`hint`, may be empty), and `exit_code`."""

    exit_code: int = 70

    def __init__(self, message: str, hint: str = "", exit_code: Optional[int] = None, command: Sequence[str] = ()) -> None:
        super().__init__("%s (%s)" % (message, hint) if hint else message)
        self.message = message
        self.hint = hint
        self.command: Tuple[str, ...] = tuple(command)
        if exit_code is not None:
            self.exit_code = exit_code


class ThresholdExceeded(HeapglassError):
    """A threshold of `fail_if` was exceeded, or a query took longer than its timeout. `result` has the answer, if there is one."""

    exit_code = 1
    result: Any = None


class UsageError(HeapglassError):
    """The program does not take these arguments."""

    exit_code = 2


class TargetError(HeapglassError):
    """The process cannot be reached: it is not there, it may not be read, or its pause would be too long."""

    exit_code = 3


class NotPythonError(HeapglassError):
    """The target is not a Python that heapglass reads."""

    exit_code = 4


class FileError(HeapglassError):
    """A file is damaged or cannot be written."""

    exit_code = 5


class InternalError(HeapglassError):
    """A fault of heapglass itself; the message says what to report."""

    exit_code = 70


class AnswerTimeout(HeapglassError):
    """The program took longer than `timeout` and was ended."""

    exit_code = 124


class ProgramNotFound(HeapglassError):
    """There is no program `heapglass`; `looked_at` lists the places, each with the reason why it is not there."""

    exit_code = 127

    def __init__(self, looked_at: Sequence[str]) -> None:
        self.looked_at: Tuple[str, ...] = tuple(looked_at)
        super().__init__("the program heapglass was not found: " + "; ".join(looked_at),
                         "set HEAPGLASS to its path, or put it on PATH")


OF_EXIT_CODE: Dict[int, Type[HeapglassError]] = {
    each.exit_code: each for each in (ThresholdExceeded, UsageError, TargetError, NotPythonError, FileError, InternalError)}


def split_hint(line: str) -> Tuple[str, str]:
    """The message and the hint of 'MESSAGE (HINT)'. The hint can have parentheses of its own."""
    if not line.endswith(")"):
        return line, ""
    depth = 0
    for at in range(len(line) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(line[at], 0)
        if depth == 0:
            return (line[:at - 1], line[at + 1:-1]) if at > 1 and line[at - 1] == " " else (line, "")
    return line, ""


def error_of(exit_code: int, stderr: str, command: Sequence[str]) -> HeapglassError:
    """The exception for what the program printed on its standard error before it ended with `exit_code`."""
    if exit_code < 0:
        return HeapglassError("heapglass was ended by signal %d" % -exit_code, "", 128 - exit_code, command)
    said = [line[len("heapglass: "):] for line in stderr.splitlines() if line.startswith("heapglass: ")]
    message, hint = split_hint(said[-1]) if said else (stderr.strip() or "heapglass ended with exit code %d" % exit_code, "")
    return OF_EXIT_CODE.get(exit_code, HeapglassError)(message, hint, exit_code, command)
