"""The GraphiQL page: every asset lies beside this module, so a browser can explore the API without a network.

Serve `page()` where a browser asks for the GraphQL endpoint itself, with `CONTENT_SECURITY_POLICY`, and
`STATIC_DIR` under `STATIC_PATH`. The page sends its queries to the address it came from.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent / "graphiql"
_PLACEHOLDER: Final = "<!--CRM_CONFIG-->"

STATIC_DIR: Final[Path] = _HERE / "static"
"""The script, the style sheet and their licences; nothing else is in it."""

STATIC_PATH: Final[str] = "/graphiql"
"""The path prefix under which index.html asks for the files of `STATIC_DIR`."""

# 'unsafe-inline' for styles: GraphiQL's dialogs stop the page behind them from scrolling with a style element.
CONTENT_SECURITY_POLICY: Final[str] = (
    "default-src 'none'; "
    "script-src 'self'; "
    "style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; "
    "connect-src 'self'; "
    "base-uri 'none'; "
    "form-action 'none'; "
    "frame-ancestors 'none'"
)
"""What the page needs and nothing more: no inline script, no eval, no other host, no frame around it."""

# A script block ends at "</script", and "<!--" changes how it is read: neither survives without its "<".
_ESCAPES: Final = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def page(default_query: str, headers: Mapping[str, str], title: str) -> str:
    """Return the page's HTML.

    `default_query` and `headers` fill the editors on a browser's first visit; afterwards the browser shows what was
    last typed there. An `Authorization` of "Bearer " with no token is a template: the page does not send it.
    """
    config = {"defaultQuery": default_query, "headers": dict(headers), "title": title}
    return _template().replace(_PLACEHOLDER, _json_for_html(config))


def _json_for_html(value: object) -> str:
    """JSON in plain ASCII (so U+2028 is escaped too) that cannot close the script element it stands in."""
    return json.dumps(value, ensure_ascii=True).translate(_ESCAPES)


@cache
def _template() -> str:
    return (_HERE / "index.html").read_text(encoding="utf-8")
