# needs: gunicorn flask
"""gunicorn with --preload: a worker that was forked from the loaded application."""
import os
import subprocess
import sys
import time

import load

PROGRAM = """
import flask
application = flask.Flask("shop")
prices = {i: {"number": i, "price": i * 1.5} for i in range(300)}

@application.route("/")
def index():
    return str(len(prices))

@application.route("/product/<int:number>")
def product(number):
    return prices[number]
"""
folder = os.path.join(os.environ.get("TMPDIR", "/tmp"), "heapglass-gunicorn-%d" % os.getpid())
os.makedirs(folder, exist_ok=True)
with open(os.path.join(folder, "shop.py"), "w") as file:
    file.write(PROGRAM)
port = load.free_port()
master = subprocess.Popen([sys.executable, "-m", "gunicorn", "--preload", "-w", "1", "-b", "127.0.0.1:%d" % port, "--log-level", "error",
                           "--control-socket-disable", "shop:application"], cwd=folder, stdin=subprocess.DEVNULL)
try:
    for _ in range(20):
        time.sleep(0.3)
        if master.poll() is not None:  # an older gunicorn without that option
            master = subprocess.Popen([sys.executable, "-m", "gunicorn", "--preload", "-w", "1", "-b", "127.0.0.1:%d" % port,
                                       "--log-level", "error", "shop:application"], cwd=folder, stdin=subprocess.DEVNULL)
            break
        with open("/proc/%d/task/%d/children" % (master.pid, master.pid)) as children:
            if children.read().split():
                break
    load.get(port, load.paths(300))
    with open("/proc/%d/task/%d/children" % (master.pid, master.pid)) as children:
        worker = int(children.read().split()[0])
    os.write(1, b"READY %d\n" % worker)
    while os.read(0, 4096):
        pass
finally:
    master.terminate()
    os.unlink(os.path.join(folder, "shop.py"))
