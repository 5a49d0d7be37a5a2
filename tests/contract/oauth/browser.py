"""A browser as the tests of OAuth use it: cookies, forms as they stand in a page, no scripts."""

from collections.abc import Mapping
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.calls.oauth import EMAIL, PASSWORD, App
from tests.http.server import Answer, House


class Forms(HTMLParser):
    """The forms of a page: for each address, the names and values that it sends."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.forms: dict[str, dict[str, str]] = {}
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(answer.body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        if tag == "form":
            self.forms[found["action"]] = {}
        if tag == "input" and self.forms:
            list(self.forms.values())[-1][found["name"]] = found.get("value", "")

    def handle_data(self, data: str) -> None:
        self.text += data


class Browser:
    """One person's browser; its cookies are for /oauth alone, as they are set."""

    def __init__(self, house: House, language: str = "en") -> None:
        self.house = house
        self.language = language
        self.cookies: dict[str, str] = {}

    def get(self, path: str) -> Answer:
        """Go to an address."""
        return self._kept(self.house.ask("GET", path, self._headers()))

    def post(
        self, path: str, values: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a form."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        sent = {**self._headers(), **kind, **(headers or {})}
        return self._kept(self.house.ask("POST", path, sent, urlencode(values).encode()))

    def submit(self, page: Answer, path: str, **values: str) -> Answer:
        """Fill in the page's form that leads to the path, and send it."""
        return self.post(path, {**Forms(page).forms[path], **values})

    def sign_in(self, page: Answer, email: str = EMAIL, password: str = PASSWORD) -> Answer:
        """Fill in the sign-in page."""
        return self.submit(page, "/oauth/sign-in", email=email, password=password)

    def consent(self, app: App, decision: str = "allow", **changes: str) -> Answer:
        """Sign in where that is asked for, and answer the application."""
        page = self.get(app.asking(**changes))
        if "/oauth/sign-in" in Forms(page).forms:
            page = self.get(self.sign_in(page)["location"])
        return self.submit(page, "/oauth/authorize", decision=decision)

    def _headers(self) -> dict[str, str]:
        headers = {"Accept-Language": self.language}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={one}" for name, one in self.cookies.items())
        return headers

    def _kept(self, answer: Answer) -> Answer:
        for header, cookie in answer.headers:
            if header == "set-cookie":
                pair, *rules = cookie.split("; ")
                name, _, value = pair.partition("=")
                assert {"Path=/oauth", "HttpOnly", "SameSite=Lax", "Secure"} <= set(rules)
                assert not [rule for rule in rules if rule.startswith("Domain")]
                self.cookies[name] = value
                if "Max-Age=0" in rules:
                    del self.cookies[name]
        return answer


def back(answer: Answer, app: App) -> dict[str, str]:
    """What went back to the application, with the browser."""
    assert answer.status in (302, 303), answer.body
    url = urlsplit(answer["location"])
    assert answer["location"].startswith(app.redirects[0]), answer["location"]
    return {name: one for name, (one,) in parse_qs(url.query, strict_parsing=True).items()}


def exchange(house: House, values: Mapping[str, str], path: str = "/oauth/token") -> Answer:
    """An application's call, as a form."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return house.ask("POST", path, kind, urlencode(values).encode())


def refresh(house: House, app: App, token: str, **changes: str) -> Answer:
    """An application has its tokens refreshed."""
    values = app.exchanging("", grant_type="refresh_token", refresh_token=token, **changes)
    return exchange(house, values)


def revoke(house: House, app: App, token: str) -> Answer:
    """An application ends a token."""
    values = {"token": token, "client_id": app.client_id, "client_secret": app.secret}
    return exchange(house, values, "/oauth/revoke")


def profile(house: House, tokens: Mapping[str, str]) -> int:
    """The status of a call with a pair of tokens."""
    headers = {
        "Authorization": f"Bearer {tokens['authorization']}",
        "X-Manager-Token": tokens["access_token"],
    }
    return house.ask("GET", "/v1/managers/account/profile", headers).status
