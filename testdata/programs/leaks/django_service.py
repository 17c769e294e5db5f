"""A Django service with models in sqlite, templates and sessions, that has answered some hundred requests. Given
name of a program of this folder, each request leaks as those do; without, it is healthy.
usage: django_service.py [NAME...]
"""
import importlib
import sys
import wsgiref.util

import leaking

import django
from django.conf import settings

TEMPLATES = {
    "base.html": "<html><title>{% block title %}shop{% endblock %}</title>{% block body %}{% endblock %}</html>",
    "list.html": "{% extends 'base.html' %}{% block body %}{% for each in books %}<li>{{ each.title|upper }} {{ each.author.name }}"
                 " {{ each.price|floatformat:2 }}</li>{% empty %}none{% endfor %}{{ visits }}{% endblock %}",
}

settings.configure(
    SECRET_KEY="not a secret", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.common.CommonMiddleware",
                "django.middleware.csrf.CsrfViewMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {"loaders": [("django.template.loaders.cached.Loader",
                                         [("django.template.loaders.locmem.Loader", TEMPLATES)])]}}])
django.setup()

from django.core.handlers.wsgi import WSGIHandler  # noqa: E402: models need the settings
from django.core.management import call_command  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.shortcuts import get_object_or_404, render  # noqa: E402
from django.urls import path  # noqa: E402

patterns = [importlib.import_module(name) for name in sys.argv[1:]]


class Author(models.Model):
    name = models.CharField(max_length=50, unique=True)

    class Meta:
        app_label = "shop"


class Book(models.Model):
    title = models.CharField(max_length=100)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")
    price = models.DecimalField(max_digits=8, decimal_places=2)

    class Meta:
        app_label = "shop"
        ordering = ["title"]


def books(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    found = Book.objects.select_related("author").filter(price__gt=request.GET.get("over", 0))[:20]
    return render(request, "list.html", {"books": found, "visits": request.session["visits"]})


def book(request, number):
    for pattern in patterns:
        pattern.leak(number)
    found = get_object_or_404(Book, pk=number % 120 + 1)
    return JsonResponse({"title": found.title, "author": found.author.name, "price": str(found.price)})


urlpatterns = [path("", books, name="books"), path("book/<int:number>/", book)]

call_command("migrate", verbosity=0)
with connection.schema_editor() as editor:
    editor.create_model(Author)
    editor.create_model(Book)
authors = [Author.objects.create(name="author %d" % i) for i in range(10)]
Book.objects.bulk_create([Book(title="book %d" % i, author=authors[i % 10], price="%d.50" % i) for i in range(100)])
application = WSGIHandler()


def get(path, query=""):
    environ = {"PATH_INFO": path, "QUERY_STRING": query}
    wsgiref.util.setup_testing_defaults(environ)
    status = []
    answer = application(environ, lambda line, headers: status.append(line))
    assert b"".join(answer) and status[0][:3] in ("200", "404"), status
    # Not answer.close(): that would close the connection, and with it the database in memory.


def serve(i):
    get("/book/%d/" % i)
    if i % 20 == 0:
        get("/", "over=%d" % (i % 100))


if __name__ == "__main__":
    leaking.run(serve)
