"""A module of the standard library that runs as the program, as by `python -m http.server`, and has tables of constants.
usage: run_as_main.py [FOLDER]    FOLDER gets 5,100 files and is where imports look first
"""
import os
import runpy
import socketserver
import sys


def wait(*unused):
    os.write(1, b"READY\n")
    os.read(0, 1)
    os._exit(0)


if __name__ == "__main__":
    # The set of their names has just got four times the room that they need.
    for folder in sys.argv[1:]:
        for i in range(5100):
            open(os.path.join(folder, "file%d" % i), "w").close()
        sys.path.insert(0, folder)
    sys.argv = ["http.server", "0"]
    sys.stdout = open(os.devnull, "w")  # which says where it serves
    socketserver.BaseServer.serve_forever = wait
    runpy.run_module("http.server", run_name="__main__", alter_sys=True)
