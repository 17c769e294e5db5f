# needs: flask sqlalchemy
"""A Flask site with SQLAlchemy behind it, served by werkzeug with threads."""
import logging
import threading

import load

import flask
import sqlalchemy
import sqlalchemy.orm
from werkzeug.serving import make_server

logging.getLogger("werkzeug").setLevel(logging.ERROR)
Base = sqlalchemy.orm.declarative_base()


class Product(Base):
    __tablename__ = "products"
    number = sqlalchemy.Column(sqlalchemy.Integer, primary_key=True)
    title = sqlalchemy.Column(sqlalchemy.String)


engine = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.pool.StaticPool, connect_args={"check_same_thread": False})
Base.metadata.create_all(engine)
application = flask.Flask(__name__)


@application.route("/")
def index():
    with sqlalchemy.orm.Session(engine) as session:
        return ", ".join(each.title for each in session.scalars(sqlalchemy.select(Product).limit(20)))


@application.route("/product/<int:number>")
def product(number):
    with sqlalchemy.orm.Session(engine) as session:
        return flask.render_template_string("<p>{{ product.title }}</p>", product=session.get(Product, number))


with sqlalchemy.orm.Session(engine) as filling:
    filling.add_all([Product(number=i, title="product %d" % i) for i in range(100)])
    filling.commit()
server = make_server("127.0.0.1", load.free_port(), application, threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
load.get(server.server_port, load.paths(300))
load.hold()
