"""A Flask service that has answered some hundred requests. Given names of programs of this folder, each request
leaks as those do; without, it is healthy. usage: flask_service.py [NAME...]
"""
import importlib
import sys

import leaking

from flask import Blueprint, Flask, abort, g, jsonify, render_template_string, request, session

patterns = [importlib.import_module(name) for name in sys.argv[1:]]
app = Flask(__name__)
app.secret_key = "not a secret"
api = Blueprint("api", __name__, url_prefix="/api")

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
    for pattern in patterns:
        pattern.leak(number)
    if number % 91 == 90:
        abort(404)
    return jsonify(number=number, nested={"a": [1.5, None, True]}, json=request.get_json(silent=True))


@app.errorhandler(404)
def missing(error):
    return "missing", 404


app.register_blueprint(api)
with app.test_client() as client:
    for i in range(30):
        assert client.get("/?rows=%d" % i).status_code == 200


def serve(i):
    with app.test_client() as user:
        assert user.put("/api/items/%d" % i, json={"value": [i, {"deep": "text"}]}).status_code in (200, 404)


if __name__ == "__main__":
    leaking.run(serve)
