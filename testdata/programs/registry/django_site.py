"""Django: models in sqlite, templates, forms and sessions, after its test client has had some hundred pages served."""
import truth

import django
from django import forms
from django.conf import settings

TEMPLATES = {
    "base.html": "<html><title>{% block title %}shop{% endblock %}</title>{% block body %}{% endblock %}</html>",
    "list.html": "{% extends 'base.html' %}{% block body %}{% for each in books %}<li>{{ each.title|upper }} {{ each.author.name }}"
                 " {{ each.price|floatformat:2 }}</li>{% empty %}none{% endfor %}{% if visits > 1 %}again{% endif %}{% endblock %}",
    "form.html": "{% extends 'base.html' %}{% block body %}<form method=post>{% csrf_token %}{{ form.as_p }}</form>{% endblock %}",
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

from django.contrib.auth.models import User  # noqa: E402: models need the settings
from django.core.management import call_command  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.http import HttpResponse, JsonResponse  # noqa: E402
from django.shortcuts import get_object_or_404, redirect, render  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import path  # noqa: E402

keep = {}


class Author(models.Model):
    name = models.CharField(max_length=50, unique=True)

    class Meta:
        app_label = "shop"


class Book(models.Model):
    title = models.CharField(max_length=100)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")
    price = models.DecimalField(max_digits=8, decimal_places=2)
    printed = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "shop"
        ordering = ["title"]


class BookForm(forms.ModelForm):
    class Meta:
        model = Book
        fields = ["title", "author", "price"]


def books(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    found = Book.objects.select_related("author").filter(price__gt=request.GET.get("over", 0))[:20]
    return render(request, "list.html", {"books": found, "visits": request.session["visits"]})


def book(request, number):
    found = get_object_or_404(Book, pk=number)
    return JsonResponse({"title": found.title, "author": found.author.name, "price": str(found.price)})


def add(request):
    form = BookForm(request.POST or None)
    keep["form"] = form
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("books")
    return render(request, "form.html", {"form": form})


def broken(request):
    local = [request]
    raise ValueError("in a view", local)


urlpatterns = [path("", books, name="books"), path("book/<int:number>/", book), path("add/", add), path("broken/", broken),
               path("hello/", lambda request: HttpResponse("hello"))]

call_command("migrate", verbosity=0)
with connection.schema_editor() as editor:
    editor.create_model(Author)
    editor.create_model(Book)
User.objects.create_user("ann", "ann@example.org", "password")
authors = [Author.objects.create(name="author %d" % i) for i in range(10)]
Book.objects.bulk_create([Book(title="book %d" % i, author=authors[i % 10], price="%d.50" % i) for i in range(100)])

client = Client(raise_request_exception=False)
client.login(username="ann", password="password")
keep["responses"] = [client.get("/", {"over": i}) for i in range(50)] + [client.get("/book/%d/" % (1 + i % 120)) for i in range(200)]
keep["posted"] = [client.post("/add/", {"title": "new", "author": author.pk, "price": "1.25"}) for author in authors]
keep["refused"] = client.post("/add/", {"title": "", "price": "none"})
keep["broken"] = client.get("/broken/")
keep["queries"] = Book.objects.filter(author__name__startswith="author").annotate(models.Count("author")), list(Author.objects.prefetch_related("books"))
assert keep["responses"][0].status_code == 200 and keep["posted"][0].status_code == 302 and keep["broken"].status_code == 500

truth.hold()
