# needs: ipykernel jupyter_client pandas
"""A kernel of Jupyter that has run some cells with pandas."""
import os

from jupyter_client import KernelManager

manager = KernelManager()
manager.start_kernel()
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=60)
cells = ["import pandas, numpy", "frame = pandas.DataFrame({'a': range(1000), 'b': numpy.random.rand(1000)})",
         "frame.describe()", "frame.groupby(frame.a % 10).b.mean()"] + ["sum(frame.a) + %d" % i for i in range(30)]
for cell in cells:
    client.execute_interactive(cell, timeout=60, output_hook=lambda message: None)
found = []


def note(message):
    if message["msg_type"] == "stream":
        found.append(message["content"]["text"])


client.execute_interactive("import os; print(os.getpid())", timeout=60, output_hook=note)
os.write(1, b"READY %d\n" % int(found[0]))
while os.read(0, 4096):
    pass
manager.shutdown_kernel(now=True)
