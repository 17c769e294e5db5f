# needs: fastapi uvicorn
"""FastAPI with pydantic models, served by uvicorn."""
import threading

import load

import fastapi
import pydantic
import uvicorn


class Product(pydantic.BaseModel):
    number: int
    title: str
    tags: list = []


application = fastapi.FastAPI()
products = {i: Product(number=i, title="product %d" % i, tags=["a", "b"]) for i in range(100)}


@application.get("/")
async def index():
    return sorted(products)[:20]


@application.get("/product/{number}")
async def product(number: int) -> Product:
    return products[number]


port = load.free_port()
server = uvicorn.Server(uvicorn.Config(application, host="127.0.0.1", port=port, log_level="error"))
threading.Thread(target=server.run, daemon=True).start()
load.get(port, load.paths(300))
load.get(port, ["/openapi.json"])
load.hold()
