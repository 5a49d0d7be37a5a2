"""Every expected "no", in one ordered table; nothing here knows who is asking or over what wire.

A refusal is a value: a code (the contract's word), the HTTP status it becomes, whether a retry
under a new key can help, and a sentence in English and in Arabic. `name_*` is the short title and
`text_*` the sentence of the contract's envelope. Faults, which are not in this table, are
exceptions. Source: contract, decisions, sections 1-3; design, ledger, section 6.
"""

from typing import Final

import msgspec


class Refusal(msgspec.Struct, frozen=True):
    """One row of the table.

    `retry_after_s` is the wait in seconds that an answer announces, 0 where waiting does not help.
    """

    code: str
    status: int
    can_retry: bool
    name_en: str
    text_en: str
    name_ar: str
    text_ar: str
    retry_after_s: int = 0


_rows: list[Refusal] = []


def _row(
    code: str,
    status: int,
    can_retry: bool,
    en: tuple[str, str],
    ar: tuple[str, str],
    retry_after_s: int = 0,
) -> Refusal:
    row = Refusal(code, status, can_retry, *en, *ar, retry_after_s)
    _rows.append(row)
    return row


# -- the request itself ----------------------------------------------------------------------------
BAD_REQUEST: Final = _row(
    "ERROR_BAD_REQUEST", 400, False,
    ("Bad request", "The request could not be understood."),
    ("طلب غير صالح", "تعذر فهم الطلب."),
)  # fmt: skip
HEADERS_TOO_LARGE: Final = _row(
    "ERROR_HEADERS_TOO_LARGE", 431, False,
    ("Headers too large", "The request's headers are larger than this server accepts."),
    ("الترويسات كبيرة جدا", "ترويسات الطلب أكبر مما يقبله هذا الخادم."),
)  # fmt: skip
REQUEST_TIMEOUT: Final = _row(
    "ERROR_REQUEST_TIMEOUT", 408, True,
    ("Request too slow", "The request took too long to arrive."),
    ("الطلب بطيء", "استغرق وصول الطلب وقتا طويلا."),
)  # fmt: skip
METHOD_NOT_ALLOWED: Final = _row(
    "ERROR_METHOD_NOT_ALLOWED", 405, False,
    ("Method not allowed", "This address does not take that method."),
    ("الطريقة غير مسموحة", "هذا العنوان لا يقبل هذه الطريقة."),
)  # fmt: skip
NOT_FOUND: Final = _row(
    "ERROR_NOT_FOUND", 404, False,
    ("Not found", "There is nothing at this address."),
    ("غير موجود", "لا يوجد شيء في هذا العنوان."),
)  # fmt: skip
BODY_TOO_LARGE: Final = _row(
    "ERROR_BODY_TOO_LARGE", 413, False,
    ("Body too large", "The request's body is larger than this server accepts."),
    ("المحتوى كبير جدا", "محتوى الطلب أكبر مما يقبله هذا الخادم."),
)  # fmt: skip
UNSUPPORTED_BODY: Final = _row(
    "ERROR_UNSUPPORTED_MEDIA_TYPE", 415, False,
    ("Unsupported body type", "Send the body as JSON, url-encoded or multipart form data."),
    ("نوع المحتوى غير مدعوم", "أرسل المحتوى بصيغة JSON أو كنموذج بيانات."),
)  # fmt: skip

# -- who calls -------------------------------------------------------------------------------------
AUTHORIZATION_MISSING: Final = _row(
    "ERROR_AUTHORIZATION_MISSING", 401, False,
    ("Authorization missing", "Send the application's token, or the store's user name"
     " and password, in the Authorization header."),
    ("بيانات الدخول مفقودة", "أرسل رمز التطبيق، أو اسم المستخدم وكلمة المرور للمتجر، في الترويسة"
     " Authorization."),
)  # fmt: skip
AUTHORIZATION_INVALID: Final = _row(
    "ERROR_AUTHORIZATION_INVALID", 401, False,
    ("Authorization invalid", "The application's token, or the store's user name and"
     " password, is not valid."),
    ("بيانات الدخول غير صالحة", "رمز التطبيق، أو اسم المستخدم وكلمة المرور للمتجر، غير صالح."),
)  # fmt: skip
STORE_NOT_FOUND: Final = _row(
    "ERROR_STORE_NOT_FOUND", 404, False,
    ("Store not found", "There is no such store for this application."),
    ("المتجر غير موجود", "لا يوجد متجر بهذا الرقم لهذا التطبيق."),
)  # fmt: skip
FORBIDDEN: Final = _row(
    "ERROR_FORBIDDEN", 403, False,
    ("Not allowed", "The application lacks the scope that this call needs."),
    ("غير مسموح", "لا يملك التطبيق الصلاحية التي يحتاجها هذا الطلب."),
)  # fmt: skip
TOO_MANY_REQUESTS: Final = _row(
    "ERROR_TOO_MANY_REQUESTS", 429, True,
    ("Too many requests", "Too many requests; wait a little and try again."),
    ("طلبات كثيرة", "عدد الطلبات كبير؛ انتظر قليلا ثم حاول مرة أخرى."),
    retry_after_s=1,
)  # fmt: skip
SESSION_MISSING: Final = _row(
    "ERROR_SESSION_MISSING", 401, False,
    ("Session missing", "Send the session's token with the request."),
    ("الجلسة مفقودة", "أرسل رمز الجلسة مع الطلب."),
)  # fmt: skip
SESSION_INVALID: Final = _row(
    "ERROR_SESSION_INVALID", 401, False,
    ("Session invalid", "The session is not valid; sign in again."),
    ("الجلسة غير صالحة", "الجلسة غير صالحة؛ سجل الدخول مرة أخرى."),
)  # fmt: skip
SESSION_EXPIRED: Final = _row(
    "ERROR_SESSION_EXPIRED", 401, False,
    ("Session expired", "The session has ended; sign in again."),
    ("انتهت الجلسة", "انتهت الجلسة؛ سجل الدخول مرة أخرى."),
)  # fmt: skip
NOT_ACCEPTABLE: Final = _row(
    "ERROR_NOT_ACCEPTABLE", 406, False,
    ("Not acceptable", "This server answers in JSON; accept application/json."),
    ("صيغة غير مقبولة", "هذا الخادم يجيب بصيغة JSON؛ اقبل application/json."),
)  # fmt: skip
CODE_INVALID: Final = _row(
    "ERROR_CODE_INVALID", 422, True,
    ("Code not valid", "The code is wrong or no longer valid; ask for a new one."),
    ("الرمز غير صالح", "رمز التحقق خاطئ أو منته؛ اطلب رمزا جديدا."),
)  # fmt: skip
CODE_TOO_SOON: Final = _row(
    "ERROR_CODE_TOO_SOON", 429, True,
    ("Code already sent", "A code was sent a moment ago; wait before you ask for another."),
    ("تم إرسال الرمز", "تم إرسال رمز قبل قليل؛ انتظر قبل طلب رمز آخر."),
    retry_after_s=60,
)  # fmt: skip

# -- what is named ---------------------------------------------------------------------------------
CUSTOMER_NOT_FOUND: Final = _row(
    "ERROR_CUSTOMER_NOT_FOUND", 404, False,
    ("Customer not found", "This store has no such customer."),
    ("العميل غير موجود", "لا يوجد عميل بهذا الرقم في هذا المتجر."),
)  # fmt: skip
PARTNER_NOT_FOUND: Final = _row(
    "ERROR_PARTNER_NOT_FOUND", 404, False,
    ("Partner not found", "There is no such partner."),
    ("الشريك غير موجود", "لا يوجد شريك بهذا الرقم."),
)  # fmt: skip
METHOD_NOT_FOUND: Final = _row(
    "ERROR_METHOD_NOT_FOUND", 404, False,
    ("Redemption method not found", "This store has no such active redemption method."),
    ("طريقة الاستبدال غير موجودة", "لا توجد في هذا المتجر طريقة استبدال مفعلة بهذا الرقم."),
)  # fmt: skip
RULE_NOT_FOUND: Final = _row(
    "ERROR_RULE_NOT_FOUND", 404, False,
    ("Cashback rule not found", "This store has no such cashback rule."),
    ("قاعدة الكسب غير موجودة", "لا توجد في هذا المتجر قاعدة كسب بهذا الرقم."),
)  # fmt: skip
CUSTOMER_EXISTS: Final = _row(
    "ERROR_CUSTOMER_EXISTS", 409, False,
    ("Customer exists", "This store already has a customer with that id, e-mail or mobile."),
    ("العميل موجود", "يوجد في المتجر عميل بهذا الرقم أو البريد أو الجوال."),
)  # fmt: skip
DOMAIN_TAKEN: Final = _row(
    "ERROR_DOMAIN_TAKEN", 409, False,
    ("Domain taken", "Another store already has that domain."),
    ("النطاق مستخدم", "هذا النطاق مسجل لمتجر آخر."),
)  # fmt: skip
WEBHOOK_NOT_FOUND: Final = _row(
    "ERROR_WEBHOOK_NOT_FOUND", 404, False,
    ("Webhook not found", "This store has no such webhook."),
    ("الويب هوك غير موجود", "لا يوجد ويب هوك بهذا الرقم في هذا المتجر."),
)  # fmt: skip
WEBHOOKS_TOO_MANY: Final = _row(
    "ERROR_WEBHOOKS_TOO_MANY", 422, True,
    ("Too many webhooks", "The store has as many webhooks as it may have; remove one first."),
    ("عدد الويب هوك كبير", "بلغ المتجر الحد الأقصى لعدد الويب هوك؛ احذف واحدا أولا."),
)  # fmt: skip
TARGET_REFUSED: Final = _row(
    "ERROR_TARGET_REFUSED", 422, False,
    ("Address refused", "A webhook's address is http or https, without a user name, on a public"
     " network."),
    ("العنوان مرفوض", "يجب أن يكون عنوان الويب هوك http أو https، بلا اسم مستخدم، وعلى شبكة عامة."),
)  # fmt: skip
CURSOR_INVALID: Final = _row(
    "ERROR_CURSOR_INVALID", 422, False,
    ("Cursor not valid", "This cursor was not given for this store's events; begin without one."),
    ("المؤشر غير صالح", "هذا المؤشر ليس من أحداث هذا المتجر؛ ابدأ من دون مؤشر."),
)  # fmt: skip
VALIDATION: Final = _row(
    "ERROR_POPUP_OK", 422, False,
    ("Invalid data", "Some fields are not valid."),
    ("بيانات غير صالحة", "بعض الحقول غير صالحة."),
)  # fmt: skip

# -- the books -------------------------------------------------------------------------------------
KEY_CONFLICT: Final = _row(
    "ERROR_IDEMPOTENCY_CONFLICT", 409, False,
    ("Key already used", "This key was already used for something else."),
    ("المفتاح مستخدم", "استخدم هذا المفتاح من قبل لطلب مختلف."),
)  # fmt: skip
NOT_ENOUGH_POINTS: Final = _row(
    "ERROR_NOT_ENOUGH_POINTS", 422, True,
    ("Not enough points", "The customer does not have enough available points."),
    ("النقاط غير كافية", "لا يملك العميل نقاطا متاحة كافية."),
)  # fmt: skip
POINTS_OWED: Final = _row(
    "ERROR_POINTS_OWED", 422, True,
    ("Points are owed", "The customer owes points and cannot redeem until they are repaid."),
    ("نقاط مستحقة", "على العميل نقاط مستحقة، ولا يمكن الاستبدال قبل سدادها."),
)  # fmt: skip
ORDER_OF_ANOTHER_STORE: Final = _row(
    "ERROR_ORDER_OF_ANOTHER_STORE", 422, False,
    ("Another store's order", "The order says that it belongs to another store."),
    ("طلب لمتجر آخر", "يذكر الطلب أنه تابع لمتجر آخر."),
)  # fmt: skip
ORDER_TOO_LONG: Final = _row(
    "ERROR_ORDER_EVENTS_TOO_MANY", 422, False,
    ("Too many events", "More was told of this order than this server keeps of one."),
    ("أحداث كثيرة للطلب", "عدد التحديثات المرسلة عن هذا الطلب تجاوز الحد المسموح."),
)  # fmt: skip
TOO_MANY_HOLDS: Final = _row(
    "ERROR_TOO_MANY_HOLDS", 422, True,
    ("Too many carts", "The customer's points are set aside in too many carts at once."),
    ("سلال كثيرة", "نقاط العميل محجوزة في عدد كبير من السلال."),
)  # fmt: skip
NEVER_USABLE: Final = _row(
    "ERROR_MATURITY_PAST_EXPIRY", 422, False,
    ("Points could never be spent", "Points would expire before they could be spent: the days of"
     " maturity must be fewer than those of expiry."),
    ("لن يمكن استخدام النقاط", "ستنتهي النقاط قبل أن يمكن استخدامها: يجب أن تقل أيام التعليق عن"
     " أيام الصلاحية."),
)  # fmt: skip
TOO_MANY_METHODS: Final = _row(
    "ERROR_TOO_MANY_METHODS", 422, False,
    ("Too many methods", "The store has as many redemption methods as it may have."),
    ("طرق استبدال كثيرة", "بلغ المتجر الحد الأقصى لعدد طرق الاستبدال."),
)  # fmt: skip
TOO_MANY_RULES: Final = _row(
    "ERROR_TOO_MANY_RULES", 422, False,
    ("Too many rules", "The store has as many cashback rules as it may have."),
    ("قواعد كسب كثيرة", "بلغ المتجر الحد الأقصى لعدد قواعد الكسب."),
)  # fmt: skip
POINTS_OUT_OF_RANGE: Final = _row(
    "ERROR_POINTS_OUT_OF_RANGE", 422, False,
    ("Points out of range", "Points are whole numbers from 1 to 1000000000000."),
    ("عدد النقاط غير مقبول", "يجب أن تكون النقاط عددا صحيحا من 1 إلى 1000000000000."),
)  # fmt: skip
BALANCE_TOO_LARGE: Final = _row(
    "ERROR_BALANCE_TOO_LARGE", 422, False,
    ("Balance too large", "The account would hold more points than it can."),
    ("الرصيد كبير جدا", "سيتجاوز رصيد الحساب الحد المسموح."),
)  # fmt: skip
EXPIRY_PASSED: Final = _row(
    "ERROR_EXPIRY_PASSED", 422, False,
    ("Expiry has passed", "Points cannot be added with an expiry that has already passed."),
    ("تاريخ الانتهاء مضى", "لا يمكن إضافة نقاط بتاريخ انتهاء قد مضى."),
)  # fmt: skip
EFFECTIVE_IN_FUTURE: Final = _row(
    "ERROR_DATE_IN_FUTURE", 422, True,
    ("Date in the future", "Points cannot be earned at a date that has not come."),
    ("تاريخ في المستقبل", "لا يمكن كسب نقاط بتاريخ لم يحن بعد."),
)  # fmt: skip
PROGRAM_OFF: Final = _row(
    "ERROR_PROGRAM_OFF", 422, True,
    ("Program is off", "The store's loyalty program is off, or it has no active earning rule."),
    ("البرنامج متوقف", "برنامج الولاء في المتجر متوقف أو لا توجد فيه قاعدة كسب مفعلة."),
)  # fmt: skip
ORDER_OF_ANOTHER_CUSTOMER: Final = _row(
    "ERROR_ORDER_OF_ANOTHER_CUSTOMER", 422, False,
    ("Order known", "An order with this number belongs to another customer."),
    ("الطلب معروف", "يوجد طلب بهذا الرقم لعميل آخر."),
)  # fmt: skip

# -- orders and carts ------------------------------------------------------------------------------
BASKET_TOO_SMALL: Final = _row(
    "ERROR_BASKET_TOO_SMALL", 422, False,
    ("Basket too small", "The basket is too small for this redemption."),
    ("قيمة السلة قليلة", "قيمة السلة أقل من المطلوب لهذا الاستبدال."),
)  # fmt: skip
CURRENCY_MISMATCH: Final = _row(
    "ERROR_CURRENCY_MISMATCH", 422, False,
    ("Another currency", "The amounts are not in the store's currency."),
    ("عملة مختلفة", "المبالغ ليست بعملة المتجر."),
)  # fmt: skip
QUANTITY_INVALID: Final = _row(
    "ERROR_QUANTITY_INVALID", 422, False,
    ("Quantity not valid", "Quantities are whole numbers, at least one of each product."),
    ("الكمية غير صالحة", "الكميات أعداد صحيحة، واحد على الأقل من كل منتج."),
)  # fmt: skip
AMOUNT_INVALID: Final = _row(
    "ERROR_AMOUNT_INVALID", 422, False,
    ("Amount not valid", "An amount of the order is not a plain decimal within the limits."),
    ("المبلغ غير صالح", "أحد مبالغ الطلب ليس رقما عشريا ضمن الحدود المقبولة."),
)  # fmt: skip
TOTALS_MISMATCH: Final = _row(
    "ERROR_TOTALS_MISMATCH", 422, False,
    ("Totals do not add up", "The amounts of the order do not add up."),
    ("المجموع غير صحيح", "مبالغ الطلب لا تتطابق مع المجموع."),
)  # fmt: skip
DATE_INVALID: Final = _row(
    "ERROR_DATE_INVALID", 422, False,
    ("Date not valid", "A date of the order is no date from 1970 on, or contradicts another."),
    ("التاريخ غير صالح", "أحد تواريخ الطلب ليس تاريخا منذ عام 1970 أو يناقض تاريخا آخر."),
)  # fmt: skip
STATUS_UNKNOWN: Final = _row(
    "ERROR_STATUS_UNKNOWN", 422, False,
    ("Status unknown", "The order's status is not one that this server knows."),
    ("حالة غير معروفة", "حالة الطلب غير معروفة لدى هذا الخادم."),
)  # fmt: skip
RETURN_TOO_LARGE: Final = _row(
    "ERROR_RETURN_TOO_LARGE", 422, False,
    ("Return too large", "More was returned than was bought."),
    ("المرتجع أكبر من المشترى", "الكمية المرتجعة أكبر من الكمية المشتراة."),
)  # fmt: skip

# -- our own trouble -------------------------------------------------------------------------------
SERVER_ERROR: Final = _row(
    "ERROR_SERVER", 500, True,
    ("Server error", "Something went wrong on our side."),
    ("خطأ في الخادم", "حدث خطأ من جهتنا."),
)  # fmt: skip
SERVICE_UNAVAILABLE: Final = _row(
    "ERROR_SERVICE_UNAVAILABLE", 503, True,
    ("Service unavailable", "The service cannot answer right now; try again soon."),
    ("الخدمة غير متاحة", "لا يمكن للخدمة الإجابة الآن؛ حاول بعد قليل."),
    retry_after_s=2,
)  # fmt: skip

ALL: Final[tuple[Refusal, ...]] = tuple(_rows)
BY_CODE: Final[dict[str, Refusal]] = {row.code: row for row in ALL}
