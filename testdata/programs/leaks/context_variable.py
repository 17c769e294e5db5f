"""A context variable that is set for each request, in contexts that callbacks keep."""
import contextvars

request = contextvars.ContextVar("request")
contexts = []


def leak(i):
    context = contextvars.Context()
    context.run(request.set, {"number": i, "body": "body %d " % i * 40})
    contexts.append(context)


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
