# cause: leaks runtime-classes|class-registry __main__\.(models|Order.*)
# needs: pydantic
"""create_model() for each tenant, kept by tenant."""
import leaking
import pydantic
import storefront

models = {}


def leak(i):
    storefront.serve(i)
    models[i] = pydantic.create_model("Order%d" % i, number=(int, ...), text=(str, ""))


leaking.run(leak, 150)
