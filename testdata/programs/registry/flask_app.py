"""Flask: routes, a blueprint, Jinja templates and sessions, after its test client has been served; one request stays open."""
import truth

from flask import Blueprint, Flask, abort, g, jsonify, render_template_string, request, session, stream_with_context

app = Flask(__name__)
app.secret_key = "not a secret"
api = Blueprint("api", __name__, url_prefix="/api")
keep = {"seen": []}

PAGE = """{% macro row(each) %}<li>{{ each.name|title }}: {{ each["values"]|join(", ") }}</li>{% endmacro %}
{% for each in rows if each.name %}{{ row(each) }}{% else %}nothing{% endfor %}{{ visits }}"""


@app.before_request
def begin():
    g.notes = [request.path]


@app.route("/")
def index():
    session["visits"] = session.get("visits", 0) + 1
    rows = [{"name": "row %d" % i, "values": list(range(i))} for i in range(int(request.args.get("rows", 5)))]
    return render_template_string(PAGE, rows=rows, visits=session["visits"])


@api.route("/items/<int:number>", methods=["GET", "PUT"])
def item(number):
    if number > 90:
        abort(404)
    keep["seen"].append((number, request.get_json(silent=True)))
    return jsonify(number=number, seen=len(keep["seen"]), nested={"a": [1.5, None, True]})


@app.route("/stream")
def stream():
    def lines():
        for i in range(1000):
            yield "%s %d\n" % (g.notes, i)
    return app.response_class(stream_with_context(lines()), mimetype="text/plain")


@app.errorhandler(404)
def missing(error):
    keep["error"] = error
    return "missing", 404


app.register_blueprint(api)
with app.test_client() as client:
    keep["responses"] = [client.get("/?rows=%d" % i) for i in range(30)] + [client.get("/api/items/%d" % i) for i in range(100)]
    keep["responses"] += [client.put("/api/items/%d" % i, json={"value": [i, {"deep": "text"}]}) for i in range(50)]
    keep["open"] = client.get("/stream", buffered=False)
    keep["iterator"] = iter(keep["open"].response)
    next(keep["iterator"])
assert keep["responses"][0].status_code == 200 and keep["responses"][129].status_code == 404

context = app.test_request_context("/held?x=1")
context.push()
session["held"] = True
g.held = keep

truth.hold()
