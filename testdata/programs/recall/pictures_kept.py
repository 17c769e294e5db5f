# cause: leaks unbounded-cache __main__\.thumbnails
# needs: pillow
"""PIL images in a dict: their pixels are C's."""
import leaking
import storefront
from PIL import Image

thumbnails = {}


def leak(i):
    storefront.serve(i)
    thumbnails[i] = Image.new("RGB", (200, 200), (i % 256, 0, 0))


leaking.run(leak, 200)
