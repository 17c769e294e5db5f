"""A logger that gets another handler with every request."""
import io
import logging

log = logging.getLogger("log_handlers.requests")
log.propagate = False


def leak(i):
    log.addHandler(logging.StreamHandler(io.StringIO()))


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
