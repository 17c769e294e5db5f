# cause: leaks unbounded-cache .*_compiled_cache.*|.*compiled.*
# needs: sqlalchemy
"""Statements with literals in their text, on an engine whose cache was made large."""
import leaking
import sqlalchemy
import storefront

engine = sqlalchemy.create_engine("sqlite://", query_cache_size=100000)
table = sqlalchemy.Table("orders", sqlalchemy.MetaData(), sqlalchemy.Column("number", sqlalchemy.Integer))


def leak(i):
    storefront.serve(i)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.select(sqlalchemy.literal_column("%d" % i).label("x%d" % i)))


leaking.run(leak, 2000)
