#!/usr/bin/env python3
"""NameSilo's API, as far as a registrar provider needs it: GET /api/OPERATION?version=1&type=xml&key=KEY&...

    fake_namesilo.py [--api-key KEY] [--balance 100.00] [--price 9.99] [--taken a.test,b.test] [--port N] ...

Answers are XML with <reply><code>; HTTP is 200 for mistakes too, as with the real one.  What it does on purpose, since the real one does:
name servers given with registerDomain are not taken (code 301), getDomainInfo tells them in upper case, registering is not idempotent
(a second time is 261), and money is really spent.  `fake.codes["renewDomain"] = [115, 400]` makes the next requests of an operation end with any
code of CODES: those whose cause the fake does not have (a card, a sub-account, a busy registry).
Facts come from public clients of the API, see docs/plugins/fakes.md; nothing was tried against the service.
"""
import datetime
import re
import sys
from decimal import Decimal
from xml.sax.saxutils import escape

from fake_http import Answer, FakeServer, options, serve

CODES = {
    300: "success", 301: "success: registered, but the given name servers were not valid; ours are used", 302: "success: default contact used",
    101: "HTTPS is not used", 102: "version is missing", 103: "version is invalid", 104: "type is missing", 105: "type is invalid",
    106: "operation is missing", 107: "operation is invalid", 108: "parameters are missing", 109: "key is missing", 110: "key is invalid",
    111: "user is invalid", 112: "not for sub-accounts", 113: "not from this IP address", 114: "invalid domain syntax", 115: "registry is not responding",
    116: "invalid sandbox account", 117: "invalid payment profile", 118: "card could not be charged", 119: "insufficient account funds",
    120: "the key must be in the query of a GET", 200: "domain is not active, or does not belong to this user", 201: "internal error", 210: "general error",
    250: "already set", 251: "already set", 252: "already set", 253: "already set", 254: "name server update refused", 255: "already set", 256: "already set",
    261: "domain processing error: not available", 262: "domain is already active", 263: "invalid number of years", 264: "domain renewal error",
    265: "domain is not transferable", 266: "domain transfer is in progress", 267: "invalid TLD", 280: "DNS modification error",
    400: "another request is still being processed",
}
DOMAIN = re.compile(r"(?=.{4,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")
CONTACT = ("fn", "ln", "ad", "cy", "st", "zp", "ct", "em", "ph")
OWN_SERVERS = ["NS1.DNSOWL.COM", "NS2.DNSOWL.COM", "NS3.DNSOWL.COM"]


class FakeNameSilo(FakeServer):
    def __init__(self, api_key="test-key", balance="100.00", price="9.99", taken=(), **given):
        self.api_key, self.balance, self.price = api_key, Decimal(balance), Decimal(price)
        self.taken, self.domains, self.hosts, self.dnssec = set(taken), {}, {}, {}
        self.codes = {}   # operation: codes the next requests get instead, e.g. {"renewDomain": [115, 400]}
        super().__init__(**given)

    def reply(self, request, code, inner=""):
        operation = escape(request["path"].rsplit("/", 1)[-1])
        text = (f"<?xml version=\"1.0\"?><namesilo><request><operation>{operation}</operation><ip>127.0.0.1</ip></request>"
                f"<reply><code>{code}</code><detail>{escape(CODES[code])}</detail>{inner}</reply></namesilo>")
        return Answer(200, text, "text/xml; charset=utf-8")

    def handle(self, request):
        query, operation = request["query"], request["path"].removeprefix("/api/")
        call = getattr(self, f"op_{operation}", None) if re.fullmatch(r"[a-zA-Z]+", operation) else None
        if request["method"] != "GET":
            return self.reply(request, 120)
        if not operation:
            return self.reply(request, 106)
        for name, value, missing, wrong in (("version", "1", 102, 103), ("type", "xml", 104, 105), ("key", self.api_key, 109, 110)):
            if name not in query:
                return self.reply(request, missing)
            if query[name] != value:
                return self.reply(request, wrong)
        if call is None:
            return self.reply(request, 107)
        if self.codes.get(operation):
            return self.reply(request, self.codes[operation].pop(0))
        code, inner = call(query)
        return self.reply(request, code, inner)

    # Operations: code and the rest of the reply.
    def op_checkRegisterAvailability(self, query):
        groups = {"available": "", "unavailable": "", "invalid": ""}
        if not query.get("domains"):
            return 108, ""
        for domain in query["domains"].lower().split(","):
            if not DOMAIN.fullmatch(domain):
                groups["invalid"] += f"<domain>{escape(domain)}</domain>"
            elif domain in self.taken or domain in self.domains:
                groups["unavailable"] += f"<domain>{domain}</domain>"
            else:
                groups["available"] += f"<domain price=\"{self.price}\" premium=\"0\" duration=\"1\">{domain}</domain>"
        return 300, "".join(f"<{name}>{inner}</{name}>" for name, inner in groups.items() if inner)

    def pay(self, years):
        cost = self.price * years
        if cost > self.balance:
            return None
        self.balance -= cost
        return cost

    def years(self, query):
        text = query.get("years", "")
        return int(text) if re.fullmatch(r"[0-9]{1,2}", text) and 1 <= int(text) <= 10 else None

    def op_registerDomain(self, query):
        domain, years = query.get("domain", "").lower(), self.years(query)
        if "domain" not in query or "years" not in query:
            return 108, ""
        if not DOMAIN.fullmatch(domain):
            return 114, ""
        if years is None:
            return 263, ""
        if domain in self.taken or domain in self.domains:
            return 261, ""
        cost = self.pay(years)
        if cost is None:
            return 119, ""
        contact = query.get("contact_id") or ("1" if all(query.get(name) for name in CONTACT) else "")
        today = datetime.date.today()
        self.domains[domain] = {"created": today, "expires": today.replace(year=today.year + years, day=min(today.day, 28)), "servers": list(OWN_SERVERS),
                                "private": query.get("private", "0"), "auto_renew": query.get("auto_renew", "0"), "contact": contact or "1"}
        code = 301 if any(name in query for name in ("ns1", "ns2")) else 300 if contact else 302
        return code, f"<message>Your domain registration was successfully processed.</message><domain>{domain}</domain><order_amount>{cost}</order_amount>"

    def ours(self, query):
        return self.domains.get(query.get("domain", "").lower())

    def op_renewDomain(self, query):
        domain, years = self.ours(query), self.years(query)
        if "domain" not in query or "years" not in query:
            return 108, ""
        if domain is None:
            return 200, ""
        if years is None:
            return 263, ""
        if domain["expires"].year + years > datetime.date.today().year + 10:
            return 264, ""
        cost = self.pay(years)
        if cost is None:
            return 119, ""
        domain["expires"] = domain["expires"].replace(year=domain["expires"].year + years)
        return 300, f"<domain>{escape(query['domain'].lower())}</domain><order_amount>{cost}</order_amount>"

    def op_changeNameServers(self, query):
        servers = [query[f"ns{n}"] for n in range(1, 14) if query.get(f"ns{n}")]
        names = query.get("domain", "").lower().split(",")
        if "domain" not in query or len(servers) < 2:
            return 108, ""
        if len(names) > 200 or any(name not in self.domains for name in names):
            return 200, ""
        if any(not DOMAIN.fullmatch(server.lower()) for server in servers):
            return 254, ""
        for name in names:
            self.domains[name]["servers"] = [server.upper() for server in servers]
        return 300, ""

    def op_getDomainInfo(self, query):
        domain = self.ours(query)
        if "domain" not in query:
            return 108, ""
        if domain is None:
            return 200, ""
        servers = "".join(f"<nameserver position=\"{n}\">{escape(server)}</nameserver>" for n, server in enumerate(domain["servers"], 1))
        contacts = "".join(f"<{role}>{escape(domain['contact'])}</{role}>" for role in ("registrant", "administrative", "technical", "billing"))
        return 300, (f"<created>{domain['created']}</created><expires>{domain['expires']}</expires><status>Active</status><locked>Yes</locked>"
                     f"<private>{'Yes' if domain['private'] == '1' else 'No'}</private><auto_renew>{'Yes' if domain['auto_renew'] == '1' else 'No'}</auto_renew>"
                     f"<traffic_type>Custom DNS</traffic_type><email_verification_required>No</email_verification_required><nameservers>{servers}</nameservers>"
                     f"<contact_ids>{contacts}</contact_ids>")

    def op_listDomains(self, query):
        size, page = query.get("pageSize", "0") or "0", query.get("page", "1") or "1"
        if not (re.fullmatch(r"[0-9]{1,6}", size) and re.fullmatch(r"[1-9][0-9]{0,5}", page)):
            return 210, ""
        names, size, page = sorted(self.domains), int(size), int(page)
        shown = names[(page - 1) * size:page * size] if size else names
        inner = "".join(f"<domain created=\"{self.domains[n]['created']}\" expires=\"{self.domains[n]['expires']}\">{n}</domain>" for n in shown)
        return 300, f"<domains>{inner}</domains><pager><total>{len(names)}</total><pageSize>{size or len(names)}</pageSize><page>{page}</page></pager>"

    def op_getAccountBalance(self, _):
        return 300, f"<balance>{self.balance}</balance>"

    def op_getPrices(self, _):
        return 300, f"<test><registration>{self.price}</registration><transfer>{self.price}</transfer><renew>{self.price}</renew></test>"

    def op_addRegisteredNameServer(self, query):
        if self.ours(query) is None:
            return 200, ""
        if not query.get("new_host") or not query.get("ip1"):
            return 108, ""
        self.hosts[f"{query['new_host']}.{query['domain']}".lower()] = [query[f"ip{n}"] for n in range(1, 14) if query.get(f"ip{n}")]
        return 300, ""

    def op_dnsSecAddRecord(self, query):
        if self.ours(query) is None:
            return 200, ""
        fields = [query.get(name) for name in ("digest", "keyTag", "digestType", "alg")]
        if not all(fields):
            return 108, ""
        self.dnssec.setdefault(query["domain"].lower(), []).append(fields)
        return 300, ""

    def op_contactAdd(self, query):
        return (300, "<contact_id>1</contact_id>") if all(query.get(name) for name in CONTACT) else (108, "")


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--api-key", default="test-key")
    parser.add_argument("--balance", default="100.00")
    parser.add_argument("--price", default="9.99")
    parser.add_argument("--taken", type=lambda text: [name for name in text.split(",") if name], default=[])
    try:
        fake = FakeNameSilo(**vars(parser.parse_args()))
    except (OSError, ArithmeticError) as error:
        sys.exit(f"fake_namesilo: {error}")
    serve(fake)
