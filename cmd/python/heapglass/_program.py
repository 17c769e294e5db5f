"""Finding the program `heapglass`, running it, and reading what it answers."""
from __future__ import annotations

import contextlib
import ctypes
import json
import os
import subprocess
import tempfile
import threading
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from .errors import AnswerTimeout, HeapglassError, ProgramNotFound, error_of

BUNDLED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bin", "heapglass")


def _is_elf(path: str) -> bool:
    # The package's own console script has the name of the program: a script on PATH is not taken for it.
    try:
        with open(path, "rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False


def _why_not(path: str) -> str:
    if not os.path.isfile(path):
        return "there is no such file"
    return "" if os.access(path, os.X_OK) else "it cannot be executed"


def find_program() -> str:
    """The path of the program: $HEAPGLASS, else the one in the package, else the first on PATH."""
    looked_at: List[str] = []
    named = os.environ.get("HEAPGLASS")
    if named:
        # Where the user names a program, no other is taken for it.
        why = _why_not(named)
        if why:
            raise ProgramNotFound(["HEAPGLASS=%s: %s" % (named, why)])
        return named
    looked_at.append("HEAPGLASS is not set")
    why = _why_not(BUNDLED)
    if not why:
        return BUNDLED
    looked_at.append("%s: %s" % (BUNDLED, why))
    folders = [each for each in os.environ.get("PATH", os.defpath).split(os.pathsep) if each]
    for folder in folders:
        path = os.path.join(folder, "heapglass")
        if os.path.isfile(path) and os.access(path, os.X_OK):
            if _is_elf(path):
                return path
            looked_at.append("%s: it is a script" % path)
    looked_at.append("no heapglass in the folders of PATH: %s" % os.pathsep.join(folders))
    raise ProgramNotFound(looked_at)


def flags_of(options: Dict[str, Any]) -> List[str]:
    """{'limit': 3, 'type': ['a', 'b'], 'paths': True} -> ['--limit=3', '--type=a', '--type=b', '--paths']; None is left out."""
    flags: List[str] = []
    for name, value in options.items():
        flag = "--" + name.rstrip("_").replace("_", "-")
        if value is None or value is False:
            continue
        if value is True:
            flags.append(flag)
        elif isinstance(value, (list, tuple, set, frozenset)):
            flags.extend("%s=%s" % (flag, each) for each in value)
        else:
            flags.append("%s=%s" % (flag, value))
    return flags


_PR_SET_PTRACER = 0x59616D61


@contextlib.contextmanager
def permission_to_read_ourselves() -> Iterator[None]:
    """Lets children of this process read it where Yama (kernel.yama.ptrace_scope = 1) lets parents alone read others.

    The process names itself as its tracer: that covers its descendants and nobody else. Without Yama the kernel refuses the
    call, which then is not needed. A tracer that was named before (by a crash handler) has to be named anew afterwards.
    """
    try:
        prctl = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        yield
        return
    zero = ctypes.c_ulong(0)
    prctl(_PR_SET_PTRACER, ctypes.c_ulong(os.getpid()), zero, zero, zero)
    try:
        yield
    finally:
        prctl(_PR_SET_PTRACER, zero, zero, zero, zero)


# Starts the program as soon as thread $2 of process $1 sleeps in wait4 (61 on x86-64, 260 on aarch64), or at once where the
# kernel does not say. Without it the program may capture a thread that is still on its way to the wait, with other variables.
_WHEN_WE_WAIT = """n=0
while [ $n -lt 20000 ] && { read -r call _ </proc/$1/task/$2/syscall; } 2>/dev/null; do
  case $call in 61 | 260) break ;; esac
  n=$((n + 1))
done
shift 2
exec "$@"
"""
_SHELL = "/bin/sh"


def run_on_ourselves(arguments: Sequence[str]) -> None:
    """Runs the program on this process, and has it capture this thread at one and the same place each time."""
    command = gated = (find_program(), *arguments)
    if os.access(_SHELL, os.X_OK):
        gated = (_SHELL, "-c", _WHEN_WE_WAIT, "heapglass", str(os.getpid()), str(threading.get_native_id()), *command)
    with permission_to_read_ourselves(), tempfile.TemporaryFile() as errors:
        try:
            child = subprocess.Popen(gated, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
        except OSError as error:
            raise HeapglassError("cannot run %s: %s" % (command[0], error.strerror), "", 126, command) from error
        with child:
            try:
                child.wait()
            except BaseException:
                _end(child)
                raise
        errors.seek(0)
        said = errors.read().decode("utf-8", "backslashreplace")
    if child.returncode:
        raise error_of(child.returncode, said, command)


def _end(child: "subprocess.Popen[bytes]") -> None:
    # By SIGTERM: heapglass then detaches from the process and leaves no file behind.
    child.terminate()
    killer = threading.Timer(10, child.kill)
    killer.start()
    child.communicate()
    killer.cancel()


def run(arguments: Sequence[str], timeout: Optional[float] = None, reads_us: bool = False) -> Tuple[bytes, int, str]:
    """Runs the program; gives its output, its exit code (0, or 1 for a threshold) and its standard error."""
    command = [find_program()] + list(arguments)
    with permission_to_read_ourselves() if reads_us else contextlib.nullcontext():
        try:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except OSError as error:
            raise HeapglassError("cannot run %s: %s" % (command[0], error.strerror), "", 126, command) from error
        with child:
            try:
                out, err = child.communicate(timeout=timeout)
            except BaseException as error:
                _end(child)
                if isinstance(error, subprocess.TimeoutExpired):
                    raise AnswerTimeout("no answer within %g s: %s" % (error.timeout, " ".join(command[1:3])), "",
                                        None, command) from None
                raise
    said = err.decode("utf-8", "backslashreplace")
    if child.returncode not in (0, 1) or (child.returncode == 1 and not out):
        raise error_of(child.returncode, said, command)
    return out, child.returncode, said


def ask(arguments: Sequence[str], timeout: Optional[float] = None, reads_us: bool = False) -> Any:
    """What the program answers in JSON. A threshold that is exceeded is a ThresholdExceeded with the answer in it."""
    out, exit_code, said = run(list(arguments) + ["--format=json"], timeout, reads_us)
    answer = json.loads(out.decode("utf-8", "surrogateescape"))
    if exit_code:
        error = error_of(exit_code, said, arguments)
        error.result = answer  # type: ignore[attr-defined]
        raise error
    return answer
