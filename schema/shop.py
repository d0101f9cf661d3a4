"""Stores and products."""

import strawberry

from crm.ids import PRODUCT, STORE
from schema.common import Node, known_by
from schema.fields import stored


@strawberry.type(description="A store; made by hand or by the first sale that names it.")
class Store(Node):
    """Known by its code."""

    code: str = stored("The shop's own code.")
    name: str = stored("The name customers see.")
    time_zone: str = stored("IANA time zone.")

    is_type_of = known_by(STORE)


@strawberry.type(description="A product; made by hand or by the first sale that names it.")
class Product(Node):
    """Known by its SKU."""

    sku: str = stored("The shop's own article number.")
    title: str = stored("The name customers see.")
    category: str | None = stored("The category it is sold under.")
    image_url: str | None = stored("Address of a picture.")
    active: bool = stored("Whether it is still sold.")

    is_type_of = known_by(PRODUCT)
