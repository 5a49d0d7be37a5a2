"""What ended long ago is forgotten, and nothing before: a refresh token that was used must be known
for as long as it could have served, so that its second use is noticed.
"""

from nuqta.worker.sweep import sweep
from tests.calls.oauth import a_code, a_session, an_app, an_owner, tokens
from tests.contract.oauth.browser import profile, refresh
from tests.http.server import House

TABLES = ("staff_sessions", "oauth_codes", "oauth_refresh_tokens")


def kept(house: House) -> list[int]:
    """How many rows each table has."""
    reader = house.world.engine.vault.reader()
    return [int(reader.rows_of(f"SELECT count(*) FROM {one}", ())[0][0]) for one in TABLES]  # noqa: S608


def test_what_ended_is_forgotten_after_a_while(alone: House) -> None:
    app = an_app(alone)
    a_session(alone, an_owner(alone))
    a_code(alone, app)
    first = tokens(alone, app)
    second = refresh(alone, app, first["refresh_token"]).json
    assert kept(alone) == [1, 2, 2]
    alone.world.time.forward(days=30)
    sweep(alone.world.engine)
    assert kept(alone) == [1, 2, 2], "the hours and minutes that they lived come on top"
    alone.world.time.forward(days=1)
    sweep(alone.world.engine)
    assert kept(alone) == [0, 0, 2]
    assert profile(alone, second) == 200
    assert refresh(alone, app, first["refresh_token"]).json["error"] == "invalid_grant"
    assert profile(alone, second) == 401
    third = tokens(alone, app)
    alone.world.time.forward(days=365 + 31)
    sweep(alone.world.engine)
    assert kept(alone) == [0, 0, 0]
    assert refresh(alone, app, third["refresh_token"]).json["error"] == "invalid_grant"
