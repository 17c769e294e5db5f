# needs: django
"""A Django site with a database, templates and sessions, behind wsgiref."""
import os
import threading
import wsgiref.simple_server

import load

import django
import django.conf

django.conf.settings.configure(
    DEBUG=False, SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.admin",
                    "django.contrib.messages"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.common.CommonMiddleware"],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [], "OPTIONS": {
        "loaders": [("django.template.loaders.locmem.Loader", {"product.html": "<p>{{ user.username }} {{ number }}</p>"})]}}],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:shop?mode=memory&cache=shared"}})
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.shortcuts import render  # noqa: E402
from django.urls import path  # noqa: E402


def index(request):
    request.session["seen"] = request.session.get("seen", 0) + 1
    return HttpResponse(", ".join(user.username for user in User.objects.all()[:20]))


def product(request, number):
    return render(request, "product.html", {"number": number, "user": User.objects.first()})


urlpatterns = [path("", index), path("product/<int:number>", product)]


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *unused):
        pass


call_command("migrate", verbosity=0)
for i in range(30):
    User.objects.create(username="user %d" % i)
server = wsgiref.simple_server.make_server("127.0.0.1", load.free_port(), get_wsgi_application(), handler_class=Quiet)
threading.Thread(target=load.get, args=(server.server_port, load.paths(300)), daemon=True).start()
for _ in range(300):
    server.handle_request()
load.hold(os.getpid())
