# cause: leaks [a-z-]+ .*handlers.*
# needs: loguru
"""A sink that each request adds to the logger, and never removes."""
import leaking
import storefront
from loguru import logger

logger.remove()


def leak(i):
    storefront.serve(i)
    lines = []
    logger.add(lines.append, filter=lambda record, i=i: record["extra"].get("request") == i)


leaking.run(leak, 2000)
