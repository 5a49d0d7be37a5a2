// nuqta: the loyalty part of `window.zid.cart`, answered by this shop's own loyalty server.
//
// Each function gives a promise of the server's answer. Where the server refuses, the promise
// rejects with the answer's own body, so that `error.message.description` says why; where nothing of
// the server's came back, with a body of the same shape. The cart is `window.zid.cart.session_id`,
// or what a `<meta name="cart-session-id">` or a cookie `cart_session_id` says; without any, the
// customer's own.
(function (page) {
  "use strict";

  var base = "/api/v1/cart/loyalty";
  var own = page.document && page.document.currentScript;
  var server = own && own.src ? new URL(own.src, page.location.href).origin : "";

  function language() {
    var lang = (page.document.documentElement.lang || "").toLowerCase();
    return lang.indexOf("ar") === 0 ? "ar" : "en";
  }

  function cartId() {
    var meta = page.document.querySelector('meta[name="cart-session-id"]');
    var kept = /(?:^|;)\s*cart_session_id=([^;]*)/.exec(page.document.cookie || "");
    return page.zid.cart.session_id || (meta && meta.content) || (kept && kept[1].trim()) || "";
  }

  function unreachable() {
    var isArabic = language() === "ar";
    var code = "ERROR_SERVICE_UNAVAILABLE";
    return {
      status: "error",
      error_code: code,
      message: {
        type: "error",
        code: code,
        name: isArabic ? "الخدمة غير متاحة" : "Service unavailable",
        description: isArabic
          ? "تعذر الوصول إلى خدمة النقاط. حاول مرة أخرى بعد قليل."
          : "The points could not be reached. Try again in a little while.",
      },
    };
  }

  function call(method, path, body) {
    var headers = { Accept: "application/json", "Accept-Language": language() };
    var options = { method: method, headers: headers, credentials: "include" };
    var id = String(cartId());
    if (/^[\x21-\x7e]{1,128}$/.test(id)) {
      headers["CART-SESSION-ID"] = id;
    }
    if (body !== undefined) {
      headers["Content-Type"] = "application/json";
      options.body = JSON.stringify(body);
    }
    return page
      .fetch(server + base + path, options)
      .then(function (answer) {
        return answer.json().then(function (value) {
          return { ok: answer.ok, value: value };
        });
      })
      .catch(function () {
        return { ok: false, value: unreachable() };
      })
      .then(function (told) {
        if (!told.ok) {
          throw told.value;
        }
        return told.value;
      });
  }

  var cart = {
    getCalculatedPoints: function (total) {
      return call("GET", "/calculate?cart_total=" + encodeURIComponent(String(total)));
    },
    getCustomerLoyaltyPoints: function () {
      return call("GET", "/balance");
    },
    getRedemptionMethods: function () {
      return call("GET", "/redemption-options");
    },
    addRedemptionMethod: function (method) {
      var id = method !== null && typeof method === "object" ? method.id : method;
      return call("POST", "/redemptions", { method_ids: [id] });
    },
    removeRedemptionMethod: function () {
      return call("DELETE", "/redemptions");
    },
  };

  page.zid = page.zid || {};
  page.zid.cart = Object.assign(page.zid.cart || {}, cart);
})(window);
