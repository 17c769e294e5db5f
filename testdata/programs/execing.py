"""It becomes another program again and again, each time the same: execve is all that it does. usage: execing.py [MS]"""
import os
import sys
import time

pause = float(sys.argv[1]) / 1000 if len(sys.argv) > 1 else 0
if not os.environ.get("ANNOUNCED"):
    os.environ["ANNOUNCED"] = "1"
    os.write(1, b"READY\n")
time.sleep(pause)
os.execv(sys.executable, [sys.executable, "-S", "-B", "-W", "ignore"] + sys.argv)
