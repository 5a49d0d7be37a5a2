// nuqta: the loyalty part of `window.zid.cart`, answered by this shop's own loyalty server.
//
// Each function gives a promise of the server's answer. Where the server refuses, the promise
// rejects with the answer's own body, so that `error.message.description` says why.
(function (page) {
  "use strict";

  var base = "/api/v1/cart/loyalty";
  var own = page.document && page.document.currentScript;
  var server = own && own.src ? new URL(own.src, page.location.href).origin : "";

  function language() {
    var lang = (page.document.documentElement.lang || "").toLowerCase();
    return lang.indexOf("ar") === 0 ? "ar" : "en";
  }

  function call(method, path, body) {
    var headers = { Accept: "application/json", "Accept-Language": language() };
    var options = { method: method, headers: headers, credentials: "include" };
    if (page.zid.cart.session_id) {
      headers["CART-SESSION-ID"] = String(page.zid.cart.session_id);
    }
    if (body !== undefined) {
      headers["Content-Type"] = "application/json";
      options.body = JSON.stringify(body);
    }
    return page.fetch(server + base + path, options).then(function (answer) {
      return answer.json().then(function (value) {
        if (!answer.ok) {
          throw value;
        }
        return value;
      });
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
