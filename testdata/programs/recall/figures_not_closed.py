# cause: leaks unbounded-cache|large-object matplotlib\._pylab_helpers\.Gcf\.figs
# needs: matplotlib
"""pyplot.figure() for each report, never closed: pyplot keeps all."""
import matplotlib
import leaking
import storefront

matplotlib.use("agg")
import matplotlib.pyplot as pyplot  # noqa: E402

matplotlib.rcParams["figure.max_open_warning"] = 0


def leak(i):
    storefront.serve(i)
    pyplot.figure()
    pyplot.plot(range(100))


leaking.run(leak, 40)
