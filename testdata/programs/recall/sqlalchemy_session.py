# cause: leaks unbounded-cache __main__\.session\.(identity_map.*|_new|new)
# needs: sqlalchemy
"""One Session for the whole run, to which objects are added and never committed."""
import leaking
import sqlalchemy
import sqlalchemy.orm
import storefront

Base = sqlalchemy.orm.declarative_base()


class Order(Base):
    __tablename__ = "orders"
    number = sqlalchemy.Column(sqlalchemy.Integer, primary_key=True)
    text = sqlalchemy.Column(sqlalchemy.String)


engine = sqlalchemy.create_engine("sqlite://")
Base.metadata.create_all(engine)
session = sqlalchemy.orm.Session(engine, autoflush=False)


def leak(i):
    storefront.serve(i)
    session.add(Order(number=i, text="order %d" % i * 20))


leaking.run(leak, 5000)
