# cause: leaks unbounded-cache .*queries_log
# needs: django
"""DEBUG = True in a long job: connection.queries_log. A deque bounded at 9,000, of long queries."""
import django
import django.conf
import leaking
import storefront

django.conf.settings.configure(DEBUG=True, DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
django.setup()
from django.db import connection  # noqa: E402


def leak(i):
    storefront.serve(i)
    with connection.cursor() as cursor:
        cursor.execute("select %s", ["the text of order %d " % i * 40])


leaking.run(leak, 3000)
