# needs: numpy pandas
"""A worker that makes reports with numpy and pandas and keeps the newest ten."""
import collections

import load

import numpy
import pandas

newest = collections.deque(maxlen=10)
stock = pandas.DataFrame({"product": range(5000), "stock": numpy.random.randint(0, 100, 5000)}).set_index("product")
for i in range(100):
    orders = pandas.DataFrame({"product": numpy.random.randint(0, 5000, 2000), "count": 1, "customer": ["c%d" % (j % 300) for j in range(2000)]})
    report = orders.groupby("product")["count"].sum().to_frame().join(stock)
    newest.append(report.describe())
load.hold()
