"""Every setting, in one table: its name in the environment, default, limits, and a sentence.

A setting is read once, when a command starts. A value outside its limits stops the start with a
sentence that names it; nothing is clamped in silence.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec


class Setting(msgspec.Struct, frozen=True):
    """One row: `name` without the prefix NUQTA_; whole numbers have limits, texts a pattern."""

    name: str
    default: int | str
    sentence: str
    least: int = 0
    most: int = 0
    pattern: str = ""

    @property
    def is_secret(self) -> bool:
        """Whether the value is a secret, or an address that may hold one."""
        return self.name.endswith(("SECRET", "TOKEN", "KEY")) or self.name in _WITH_SECRETS

    def read(self, text: str) -> int | str:
        """The value that the text gives. Raises ValueError, with a sentence, outside the limits."""
        if isinstance(self.default, int):
            if not (text.isascii() and text.isdecimal() and len(text) < 19):
                raise ValueError(f"NUQTA_{self.name} takes a whole number, not {text!r}")
            if not self.least <= int(text) <= self.most:
                raise ValueError(f"NUQTA_{self.name} takes {self.least} to {self.most}, not {text}")
            return int(text)
        if self.pattern and re.fullmatch(self.pattern, text) is None:
            said = "what it was given" if self.is_secret else repr(text)
            raise ValueError(f"NUQTA_{self.name} does not take {said}: {self.sentence}")
        return text


_WITH_SECRETS: Final = ("SMTP_URL", "DELIVERY_WEBHOOK")
PER_MINUTE_MAX: Final = 1_000_000
"""The largest limit of requests a minute, also of a partner's own."""

TABLE: Final = (
    Setting("DB", "nuqta.db", "The books: the path of an SQLite file, or a URL."),
    Setting("SECRET", "", "The key under which tokens are digested, 32 or more characters, with an"
            " older one behind a comma; empty: the key file beside the database, made by init."),
    Setting("RATE_LIMIT", 60, "Requests a minute of an application on a store's managers' routes;"
            " 0 turns this and the three limits below off.", 0, 1_000_000),
    Setting("RATE_LIMIT_SHOPPER", 60, "Requests a minute of one customer token of an application on"
            " a store; 0 turns it off.", 0, PER_MINUTE_MAX),
    Setting("RATE_LIMIT_ADDRESS", 60, "Requests a minute of one address on what anybody may ask;"
            " 0 is off.", 0, PER_MINUTE_MAX),
    Setting("RATE_LIMIT_ORDERS", 6_000, "Requests a minute of one store's source of orders; 0 is"
            " off.", 0, PER_MINUTE_MAX),
    Setting("FAILED_TRIES", 100, "Wrong tokens, pairs, codes and passwords a minute of one address;"
            " past it they are answered 429; 0 turns this and the next off.", 0, PER_MINUTE_MAX),
    Setting("FAILED_TRIES_PREFIX", 1_000, "The same of the network around it: the /24 of an IPv4"
            " address, the /56 of an IPv6 one; 0 is off.", 0, PER_MINUTE_MAX),
    Setting("RATE_LIMIT_TRACKED", 100_000, "Callers of each kind whose pace is remembered at a"
            " time; several workers keep 32 bytes of each in a file.", 1_000, 10_000_000),
    Setting("PROXY_HEADER", "", "The header at whose end the proxy in front puts its caller's"
            " address, such as X-Forwarded-For; empty: no proxy, the connection tells.",
            pattern=r"|[A-Za-z0-9-]{1,64}"),
    Setting("SESSION_IDLE_HOURS", 720, "Hours after which an unused customer token ends.",
            1, 87_600),
    Setting("SESSION_HOURS", 2_160, "Hours after which a customer token ends, however used.",
            1, 87_600),
    Setting("SESSIONS_PER_CUSTOMER", 20, "Live tokens of one customer; a new one ends the oldest.",
            1, 1_000),
    Setting("CODE_SECONDS", 300, "Seconds that a one-time code lives.", 30, 3_600),
    Setting("CODE_TRIES", 5, "Wrong tries after which a one-time code is dead.", 1, 20),
    Setting("CODE_PAUSE_SECONDS", 60, "Seconds between two codes for one address.", 0, 3_600),
    Setting("CODES_PER_HOUR", 5, "Codes an hour for one address.", 1, 1_000),
    Setting("STAFF_SESSION_HOURS", 12, "Hours after which somebody of a store's staff must sign in"
            " again.", 1, 720),
    Setting("SIGN_IN_TRIES", 10, "Times that one account's password may be tried within"
            " NUQTA_SIGN_IN_MINUTES.", 1, 1_000),
    Setting("SIGN_IN_TRIES_ADDRESS", 100, "Times that one address may try any account's password"
            " within them.", 1, 1_000_000),
    Setting("SIGN_IN_MINUTES", 15, "Minutes after which tries to sign in are counted anew.",
            1, 1_440),
    Setting("PASSWORD_CHECKS", 2, "Passwords that are checked at a time; each takes 64 MiB and a"
            " moment of a processor.", 1, 64),
    Setting("PASSWORD_CHECKS_WAITING", 50, "Passwords that may wait for it; more are answered 503.",
            1, 10_000),
    Setting("COOKIE_SECURE", 1, "0 lets browsers send the cookies of staff and shoppers over plain"
            " http, for a server without TLS on this machine.", 0, 1),
    Setting("OAUTH_CODE_SECONDS", 300, "Seconds in which an application must exchange the code that"
            " it was given.", 30, 600),
    Setting("OAUTH_OVERLAP_SECONDS", 600, "Seconds for which tokens still serve after they were"
            " refreshed.", 0, 86_400),
    Setting("REDIRECTS_PER_PARTNER", 10, "Addresses to which an application may have its codes"
            " sent.", 1, 100),
    Setting("DELIVERY", "log", "How one-time codes are sent: smtp, webhook, log (development only),"
            " or none, where a shop's own server signs its customers in.",
            pattern="smtp|webhook|log|none"),
    Setting("DELIVERY_LOG_FORCE", 0, "1 allows delivery to the log on a public address.", 0, 1),
    Setting("DELIVERY_SECONDS", 10, "Seconds that the delivery of a code or an event may take.",
            1, 120),
    Setting("DELIVERIES_WAITING", 1_000, "Codes that may wait for delivery; more are not sent.",
            1, 1_000_000),
    Setting("SMTP_URL", "", "smtp://, smtp+starttls:// or smtps:// user:password@host:port of the"
            " mail server.", pattern=r"|smtps?://.+|smtp\+starttls://.+"),
    Setting("SMTP_FROM", "nuqta@localhost", "The sender of one-time codes.",
            pattern=r"[^@\s]+@[^@\s]+"),
    Setting("DELIVERY_WEBHOOK", "", "The http or https address that takes codes as JSON.",
            pattern=r"|https?://.+"),
    Setting("DELIVERY_WEBHOOK_SECRET", "", "Signs the webhook's body where it is set (HMAC-SHA256,"
            " X-Nuqta-Signature)."),
    Setting("DELIVERY_CONCURRENCY", 16, "Events on their way to webhooks at a time; one webhook has"
            " at most a quarter of them, and at least one.", 1, 256),
    Setting("WEBHOOKS_PER_STORE", 10, "Webhooks that a store may have.", 1, 1_000),
    Setting("WEBHOOK_RETRY_HOURS", 72, "Hours of failing after which a webhook is paused.", 1, 720),
    Setting("WEBHOOK_PAUSE_SECONDS", 5, "Seconds within which a failed event is tried again; each"
            " further failure doubles them.", 1, 3_600),
    Setting("WEBHOOK_PAUSE_SECONDS_MAX", 3_600, "Seconds past which they do not grow.", 1, 86_400),
    Setting("WEBHOOK_PRIVATE_TARGETS", 0, "1 allows webhooks at addresses that are not public: of"
            " this machine and of private networks; else ERROR_TARGET_REFUSED.", 0, 1),
    Setting("EXPIRING_DAYS", 7, "Days before a lot's expiry at which points.expiring tells of it;"
            " 0 tells nothing.", 0, 365),
    Setting("WORKER_PAUSE_MS", 1_000, "Milliseconds that the worker rests when nothing is to do.",
            10, 60_000),
    Setting("WORKER_LEASE_SECONDS", 15, "Seconds after which another worker takes over from one"
            " that was killed.", 1, 600),
    Setting("BODY_BYTES", 262_144, "Bytes of a request's body.", 1_024, 64 * 2**20),
    Setting("ORDER_BYTES", 4_194_304, "Bytes of the body of an order: Zid's tells about 3,000 for"
            " each product.", 1_024, 64 * 2**20),
    Setting("HEADER_BYTES", 32_768, "Bytes of a request's line and headers.", 2_048, 2**20),
    Setting("RECEIVE_SECONDS", 30, "Seconds in which a request must have come, line to body.",
            1, 3_600),
    Setting("SEND_SECONDS", 30, "Seconds for which an answer waits for a caller that does not read"
            " it; then the connection is cut.", 1, 3_600),
    Setting("CONNECTIONS", 10_000, "Connections that a server process keeps open; more are answered"
            " 503 and closed. Each needs an open file.", 10, 1_000_000),
    Setting("IN_FLIGHT", 2_000, "Requests that a server process has begun and not answered; more"
            " are answered 503 at once. Balances count only where they take the long way.",
            1, 1_000_000),
    Setting("STOP_SECONDS", 10, "Seconds in which a server that is told to stop answers what it has"
            " begun; the rest is answered 503, and its keys settle it.", 1, 3_600),
    Setting("JSON_DEPTH", 32, "Levels to which a JSON body may be nested.", 2, 500),
    Setting("JSON_DIGITS", 4_300, "Characters that a number in a JSON body may have.", 40, 4_300),
    Setting("CASHBACK_RULES", 50, "Cashback rules that a store may have.", 2, 1_000),
    Setting("METHODS_PER_STORE", 100, "Redemption methods that a store may have, on or off.",
            1, 10_000),
    Setting("BATCH", 512, "Commands that one commit may carry.", 1, 10_000),
    Setting("QUEUE", 10_000, "Commands that may wait for the door; more are answered 503.",
            1, 1_000_000),
    Setting("HISTORY_LINES", 1_000, "Lines of a customer's history that one answer carries, the"
            " latest first.", 10, 100_000),
    Setting("REPLY_HOURS", 168, "Hours for which the answer to a call with an Idempotency-Key is"
            " kept for its repetition.", 1, 8_760),
    Setting("SEAL_SECONDS", 30, "Seconds after which the worker seals what was booked meanwhile.",
            1, 3_600),
    Setting("SEAL_KEY", "", "The key that signs what was sealed, 64 hex digits; empty: the key file"
            " beside the database, made by init.", pattern=r"|[0-9A-Fa-f]{64}"),
    Setting("HEADS_FILE", "", "Where the signed heads are written outside the database, best on"
            " another disk; empty: beside it."),
    Setting("LOCK_SECONDS", 10, "Seconds to wait for another process's write lock.", 1, 600),
    Setting("CHECK_MEBIBYTES", 64, "Size up to which the file is checked before a start after an"
            " unclean stop.", 0, 1_000_000),
    Setting("ORDER_SKEW_SECONDS", 300, "Seconds by which the clock of a source of orders may run"
            " before ours.", 0, 86_400),
    Setting("ORDER_EVENTS", 1_000, "Events that may be told of one order.", 1, 100_000),
    Setting("ORDER_KIBIBYTES", 4_096, "KiB that are kept of all that is told of one order: every"
            " event reads what is known of its order.", 64, 1_048_576),
    Setting("ORDERS_REFUSED", 10_000, "Orders of a store that could not be taken in and wait for a"
            " person; more are answered 503, so that their shop sends them again.", 1, 1_000_000),
    Setting("HOLDS_PER_CUSTOMER", 20, "Carts in which a customer's points may be held at once.",
            1, 1_000),
    Setting("CLOCK_JUMP_SECONDS", 300, "Seconds by which the wall clock may depart from the steady"
            " one, or lie behind the books.", 1, 86_400),
    Setting("BACKUP_FOLDER", "", "The folder into which the worker copies the books, one folder for"
            " each database; empty: it makes no copies."),
    Setting("BACKUP_HOURS", 24, "Hours between two copies.", 1, 8_760),
    Setting("BACKUP_KEEP", 14, "Copies that are kept in the folder; older ones are removed.",
            1, 10_000),
    Setting("LOG_READS", 0, "One read in this many is logged, 0 logs none; refusals and writes"
            " always are.", 0, 1_000_000),
    Setting("LOG_LINES_WAITING", 10_000, "Lines of the log that may wait for whoever takes them;"
            " more are dropped and counted.", 1, 1_000_000),
    Setting("METRICS_TOKEN", "", "The bearer token, 32 to 256 characters, with which /metrics may"
            " be read; empty: there is no such page.", pattern=r"|[\x21-\x7e]{32,256}"),
)  # fmt: skip


class Settings:
    """The values in force: an attribute for each row of the table, in lower case."""

    db: str
    secret: str
    rate_limit: int
    rate_limit_shopper: int
    rate_limit_address: int
    rate_limit_orders: int
    failed_tries: int
    failed_tries_prefix: int
    rate_limit_tracked: int
    proxy_header: str
    session_idle_hours: int
    session_hours: int
    sessions_per_customer: int
    code_seconds: int
    code_tries: int
    code_pause_seconds: int
    codes_per_hour: int
    staff_session_hours: int
    sign_in_tries: int
    sign_in_tries_address: int
    sign_in_minutes: int
    password_checks: int
    password_checks_waiting: int
    cookie_secure: int
    oauth_code_seconds: int
    oauth_overlap_seconds: int
    redirects_per_partner: int
    delivery: str
    delivery_log_force: int
    delivery_seconds: int
    deliveries_waiting: int
    smtp_url: str
    smtp_from: str
    delivery_webhook: str
    delivery_webhook_secret: str
    delivery_concurrency: int
    webhooks_per_store: int
    webhook_retry_hours: int
    webhook_pause_seconds: int
    webhook_pause_seconds_max: int
    webhook_private_targets: int
    expiring_days: int
    worker_pause_ms: int
    worker_lease_seconds: int
    body_bytes: int
    order_bytes: int
    header_bytes: int
    receive_seconds: int
    send_seconds: int
    connections: int
    in_flight: int
    stop_seconds: int
    json_depth: int
    json_digits: int
    cashback_rules: int
    methods_per_store: int
    batch: int
    queue: int
    history_lines: int
    reply_hours: int
    seal_seconds: int
    seal_key: str
    heads_file: str
    lock_seconds: int
    check_mebibytes: int
    order_skew_seconds: int
    order_events: int
    order_kibibytes: int
    orders_refused: int
    holds_per_customer: int
    clock_jump_seconds: int
    backup_folder: str
    backup_hours: int
    backup_keep: int
    log_reads: int
    log_lines_waiting: int
    metrics_token: str

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        """Read the table from `environ`. Raises ValueError for a value outside its limits."""
        given = environ or {}
        for row in TABLE:
            text = given.get(f"NUQTA_{row.name}")
            value = row.default if text is None else row.read(text)
            setattr(self, row.name.lower(), value)
        if self.rate_limit == 0:
            self.rate_limit_shopper = self.rate_limit_address = self.rate_limit_orders = 0
        if self.failed_tries == 0:
            self.failed_tries_prefix = 0
