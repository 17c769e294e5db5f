"""Each request puts its plugin's folder into sys.path, and a variable into os.environ."""
import os
import sys


def leak(i):
    sys.path.append("/srv/shop/plugins/release-%d" % i)
    os.environ["SHOP_REQUEST_%d" % i] = "request number %d" % i * 3


if __name__ == "__main__":
    import leaking
    leaking.run(leak, 4000)
