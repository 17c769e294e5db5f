# needs: tornado jinja2
"""tornado with templates of jinja2 and a periodic callback."""
import asyncio
import os

import load

import jinja2
import tornado.httpclient
import tornado.ioloop
import tornado.web

environment = jinja2.Environment(loader=jinja2.DictLoader({"product": "<p>{{ number }}</p>{% for i in range(5) %}{{ i }}{% endfor %}"}))


class Index(tornado.web.RequestHandler):
    def get(self):
        self.write("index")


class Product(tornado.web.RequestHandler):
    def get(self, number):
        self.write(environment.get_template("product").render(number=number))


async def main():
    application = tornado.web.Application([("/", Index), (r"/product/(\d+)", Product)])
    port = load.free_port()
    application.listen(port, "127.0.0.1")
    tornado.ioloop.PeriodicCallback(lambda: None, 1000).start()
    client = tornado.httpclient.AsyncHTTPClient()
    for path in load.paths(300):
        await client.fetch("http://127.0.0.1:%d%s" % (port, path))
    os.write(1, b"READY %d\n" % os.getpid())
    await asyncio.get_running_loop().run_in_executor(None, os.read, 0, 4096)
    os._exit(0)


asyncio.run(main())
