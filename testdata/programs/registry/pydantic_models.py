"""pydantic: models with validators and constraints, nested, generic and recursive, valid data and errors."""
import datetime
import decimal
import enum
import typing
import uuid

import truth

import pydantic

TWO = pydantic.VERSION.startswith("2")
keep = {}


class Kind(enum.Enum):
    small = "small"
    large = "large"


class Part(pydantic.BaseModel):
    name: str
    weight: float = pydantic.Field(default=1.0, gt=0, description="in kg")
    kind: Kind = Kind.small


class Order(pydantic.BaseModel):
    number: int
    id: uuid.UUID = pydantic.Field(default_factory=uuid.uuid4)
    at: datetime.datetime
    parts: typing.List[Part] = []
    prices: typing.Dict[str, decimal.Decimal] = {}
    note: typing.Optional[typing.Union[int, str]] = None
    pair: typing.Tuple[int, str] = (1, "x")
    parent: typing.Optional["Order"] = None

    if TWO:
        model_config = pydantic.ConfigDict(extra="allow")

        @pydantic.field_validator("number")
        @classmethod
        def positive(cls, number):
            if number < 0:
                raise ValueError("must not be negative")
            return number

        @pydantic.model_validator(mode="after")
        def whole(self):
            return self

        @pydantic.computed_field
        @property
        def count(self) -> int:
            return len(self.parts)
    else:
        class Config:
            extra = "allow"

        @pydantic.validator("number")
        def positive(cls, number):
            if number < 0:
                raise ValueError("must not be negative")
            return number


if TWO:
    Order.model_rebuild()
else:
    Order.update_forward_refs()

T = typing.TypeVar("T")
if TWO:
    class Page(pydantic.BaseModel, typing.Generic[T]):
        items: typing.List[T]
        total: int = 0
    keep["page"] = Page[Order], Page[int](items=["1", 2]), Page[Part].model_json_schema()
    keep["adapters"] = [pydantic.TypeAdapter(typing.List[Part]), pydantic.TypeAdapter(typing.Union[int, typing.Dict[str, Part]])]
    keep["adapted"] = keep["adapters"][0].validate_json(b'[{"name": "a"}, {"name": "b", "kind": "large"}]')
    keep["function"] = pydantic.validate_call(lambda a, b: (a, b))


def order(i, parent=None):
    return Order(number=i, at="2024-01-01T00:00:00Z", parts=[{"name": "part %d" % j, "weight": j + 1} for j in range(i % 5)],
                 prices={"net": "1.%d" % i}, note=["text", i][i % 2], parent=parent, unknown=[i])


keep["orders"] = [order(i) for i in range(100)]
for i in range(30):
    keep["chain"] = order(i, keep.get("chain"))
keep["errors"] = []
for wrong in ({"number": -1, "at": 5}, {"number": "x", "at": "never", "parts": [{}]}, {}):
    try:
        Order(**wrong)
    except pydantic.ValidationError as error:
        keep["errors"].append((error, error.errors()))
keep["dumped"] = [each.model_dump_json() if TWO else each.json() for each in keep["orders"]]
keep["schema"] = Order.model_json_schema() if TWO else Order.schema()
keep["copied"] = keep["orders"][3].model_copy(update={"number": 5}, deep=True) if TWO else keep["orders"][3].copy(deep=True)
assert len(keep["errors"]) == 3

truth.hold()
