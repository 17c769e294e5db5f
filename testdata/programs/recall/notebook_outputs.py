# cause: leaks unbounded-cache|shell-outputs|.* __main__\.(Out|_oh|In|_\d+)|.*Out.*
# needs: ipython
"""IPython's Out: the result of each cell."""
import IPython.terminal.interactiveshell
import leaking
import storefront

shell = IPython.terminal.interactiveshell.TerminalInteractiveShell.instance()


def leak(i):
    storefront.serve(i)
    shell.run_cell("[str(each) * 5 for each in range(%d, %d)];" .replace(";", "") % (i, i + 300), store_history=True, silent=False)


leaking.run(leak, 100)
