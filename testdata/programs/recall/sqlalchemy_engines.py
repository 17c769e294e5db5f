# cause: leaks unbounded-cache __main__\.engines
# needs: sqlalchemy
"""create_engine() for each request, kept by the address of the request."""
import leaking
import sqlalchemy
import storefront

engines = {}


def leak(i):
    storefront.serve(i)
    engine = engines["sqlite:// %d" % i] = sqlalchemy.create_engine("sqlite://")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("select 1"))


leaking.run(leak, 120)
