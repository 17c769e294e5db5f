# cause: leaks [a-z-]+ .*_record_buffer.*
# needs: rich
"""A console that records everything that is printed, for an export that never comes."""
import io
import leaking
import storefront
from rich.console import Console

console = Console(file=io.StringIO(), record=True)


def leak(i):
    storefront.serve(i)
    console.print("request %d served" % i, style="bold")
    console.file.seek(0)
    console.file.truncate()


leaking.run(leak, 4000)
