"""The GraphiQL page works with no network, and nothing put into it can break out of it."""

import json
import re
from html.parser import HTMLParser

import pytest

from api.graphiql_page import CONTENT_SECURITY_POLICY, STATIC_DIR, STATIC_PATH, page

QUERY = "{ shop { name } }"
HEADERS = {"Authorization": "Bearer "}

HOSTILE = [
    "</script><script>alert(1)</script>",
    "</SCRIPT >",
    "<!--<script>",
    "]]>",
    "&lt;&quot;",
    "line\u2028separator\u2029",
    'quote " and \\ backslash',
    "café ☕ 😀",
    "<!--CRM_CONFIG-->",
]


class Elements(HTMLParser):
    """Collects every start tag, and the text of the config block, as a browser would find them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.config = ""
        self._in_config = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_config = tag == "script" and dict(attrs).get("id") == "graphiql-config"

    def handle_endtag(self, tag: str) -> None:
        self._in_config = self._in_config and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._in_config:
            self.config += data

    def addresses(self) -> list[str]:
        """What the page asks a server for; a `data:` address asks nobody."""
        named = [attrs.get("src") or attrs.get("href") for _, attrs in self.tags]
        return [address for address in named if address and not address.startswith("data:")]


def test_the_config_block_holds_what_the_server_put_in() -> None:
    elements = Elements(page(QUERY, HEADERS, "Corner Shop"))

    assert json.loads(elements.config) == {"defaultQuery": QUERY, "headers": HEADERS, "title": "Corner Shop"}


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_can_leave_the_config_block(text: str) -> None:
    html = page(text, {text: text}, text)
    elements = Elements(html)

    assert json.loads(elements.config) == {"defaultQuery": text, "headers": {text: text}, "title": text}
    assert elements.tags == Elements(page("", {}, "")).tags
    assert not re.search(r"[<>&\u2028\u2029]", elements.config)


def test_the_page_names_no_other_host() -> None:
    html = page(QUERY, HEADERS, "Corner Shop")

    assert Elements(html).addresses()
    assert all(re.match(r"/[^/]", address) for address in Elements(html).addresses())
    assert not re.search(r"https?:|[\"'(]//", html)


def test_the_style_sheet_asks_for_no_further_file() -> None:
    css = (STATIC_DIR / "graphiql.css").read_text(encoding="utf-8")

    assert "@import" not in css
    assert all(address.startswith("data:") for address in re.findall(r"url\([\"']?([^)\"']*)", css))


def test_every_file_the_page_names_is_there() -> None:
    addresses = Elements(page(QUERY, HEADERS, "Corner Shop")).addresses()

    assert {address.rpartition("/")[0] for address in addresses} == {STATIC_PATH}
    for address in addresses:
        assert (STATIC_DIR / address.rpartition("/")[2]).stat().st_size > 0


def test_the_only_script_in_the_page_itself_is_data() -> None:
    scripts = [attrs for tag, attrs in Elements(page(QUERY, HEADERS, "Corner Shop")).tags if tag == "script"]

    assert [attrs for attrs in scripts if "src" not in attrs] == [{"type": "application/json", "id": "graphiql-config"}]
    assert "script-src 'self';" in CONTENT_SECURITY_POLICY
    assert "unsafe-eval" not in CONTENT_SECURITY_POLICY


def test_licences_lie_beside_what_they_cover() -> None:
    licences = (STATIC_DIR / "LICENSES.txt").read_text(encoding="utf-8")

    for package in ("graphiql", "graphql", "graphql-ws", "react", "react-dom", "codemirror"):
        assert re.search(rf"^{package} \d+\.\S+ \(MIT\)$", licences, re.MULTILINE)


def test_only_the_assets_and_their_licences_are_served() -> None:
    assert {path.name for path in STATIC_DIR.iterdir()} == {"LICENSES.txt", "graphiql.css", "graphiql.js"}
