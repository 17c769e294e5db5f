# cause: leaks handlers-not-removed|unbounded-cache|closure-capture __main__\.application\.(before_request_funcs|teardown_appcontext_funcs|after_request_funcs).*
# needs: flask
"""A hook is added to the application by each request."""
import flask
import leaking
import storefront

application = flask.Flask(__name__)


def leak(i):
    storefront.serve(i)
    user = {"number": i, "rights": ["right %d" % each for each in range(20)]}
    application.teardown_appcontext_funcs.append(lambda error: user)


leaking.run(leak, 5000)
