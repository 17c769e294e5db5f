# cause: leaks unclosed-file|unbounded-cache|zombie-processes __main__\.running
"""subprocess.Popen with a pipe, kept and never waited for: zombies."""
import subprocess

import leaking
import storefront

running = []


def leak(i):
    storefront.serve(i)
    running.append(subprocess.Popen(["true"], stdout=subprocess.PIPE))


leaking.run(leak, 60)
