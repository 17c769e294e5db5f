# cause: leaks unbounded-cache __main__\.(environment\.cache.*|templates)
# needs: jinja2
"""An Environment with cache_size=-1 and a loader that makes a template for each mail."""
import jinja2
import leaking
import storefront

environment = jinja2.Environment(loader=jinja2.FunctionLoader(lambda name: "Dear {{ customer }}, " + name), cache_size=-1)


def leak(i):
    storefront.serve(i)
    environment.get_template("mail %d" % i).render(customer="x")


leaking.run(leak, 500)
