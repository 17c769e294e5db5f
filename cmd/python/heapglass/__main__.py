"""`python -m heapglass` and the console script `heapglass`: the program itself; `heapglass mcp` is the server for agents, and
`heapglass fleet` asks the captures of many processes."""
from __future__ import annotations

import os
import sys

from ._program import find_program
from .errors import HeapglassError


def main() -> int:
    if sys.argv[1:2] == ["mcp"]:
        from .mcp import main as serve

        return serve(sys.argv[2:])
    if sys.argv[1:2] == ["fleet"]:
        from .fleet import main as ask

        return ask(sys.argv[2:])
    try:
        program = find_program()
        os.execv(program, [program] + sys.argv[1:])
    except HeapglassError as error:
        print("heapglass: %s" % error, file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print("heapglass: cannot run %s: %s" % (program, error.strerror), file=sys.stderr)
        return 126


if __name__ == "__main__":
    sys.exit(main())
