# cause: leaks unbounded-cache __main__\.Device\.sent
"""ctypes buffers of what was sent, kept until an answer that never comes."""
import ctypes

import leaking
import storefront


class Device:
    sent = {}

    def send(self, number):
        self.sent[number] = ctypes.create_string_buffer(b"message %d" % number, 2000)


def leak(i):
    storefront.serve(i)
    Device().send(i)


leaking.run(leak, 3000)
