"""Who takes the mail of a domain, told from its mail exchangers.

Pure: a table and one function. Domains hosted by one provider share its
patience, so they share its pace. Called by delivery/provider_book.py.
"""

from collections.abc import Sequence

# The ends of the names of mail exchangers, by provider. Longer ends win over shorter ones.
_EXCHANGERS = {
    "google": ("google.com", "googlemail.com", "smtp.goog"),
    "outlook": ("olc.protection.outlook.com", "hotmail.com"),
    "microsoft365": ("mail.protection.outlook.com", "mx.microsoft", "mail.protection.partner.outlook.cn"),
    "yahoo": ("yahoodns.net", "yahoo.co.jp"),
    "apple": ("mail.icloud.com", "mail.me.com", "apple.com"),
    "proton": ("protonmail.ch", "proton.ch"),
    "fastmail": ("messagingengine.com",),
    "zoho": ("zoho.com", "zoho.eu", "zoho.in", "zoho.com.au", "zohomail.com"),
    "gmx": ("gmx.net", "gmx.com", "web.de", "mail.com"),
    "ionos": ("kundenserver.de", "ionos.com", "ionos.de", "ionos.co.uk", "ionos.fr", "ionos.es", "1and1.com"),
    "t-online": ("t-online.de",),
    "strato": ("rzone.de", "strato.de"),
    "hetzner": ("your-server.de",),
    "mailbox.org": ("mailbox.org",),
    "posteo": ("posteo.de",),
    "tuta": ("tutanota.de", "tutao.de", "tuta.com"),
    "orange": ("orange.fr", "wanadoo.fr", "orange.net"),
    "free": ("free.fr", "proxad.net"),
    "laposte": ("laposte.net",),
    "sfr": ("sfr.fr", "sfr.net", "numericable.fr"),
    "ovh": ("ovh.net", "ovh.ca", "ovhcloud.com"),
    "gandi": ("gandi.net",),
    "infomaniak": ("infomaniak.ch", "infomaniak.com"),
    "bluewin": ("bluewin.ch",),
    "aruba": ("aruba.it",),
    "libero": ("libero.it", "iol.it"),
    "tim": ("tim.it", "alice.it", "telecomitalia.it"),
    "tiscali": ("tiscali.it",),
    "seznam": ("seznam.cz",),
    "wp": ("wp.pl", "o2.pl"),
    "onet": ("onet.pl",),
    "interia": ("interia.pl",),
    "home.pl": ("home.pl",),
    "mail.ru": ("mail.ru",),
    "yandex": ("yandex.ru", "yandex.net", "yandex.com"),
    "qq": ("qq.com",),
    "netease": ("netease.com", "163.com", "126.com"),
    "aliyun": ("aliyun.com", "alibaba.com"),
    "naver": ("naver.com", "worksmobile.com"),
    "kakao": ("kakao.com", "daum.net", "hanmail.net"),
    "docomo": ("docomo.ne.jp",),
    "au": ("au.com", "ezweb.ne.jp"),
    "softbank": ("softbank.jp", "softbank.ne.jp"),
    "comcast": ("comcast.net",),
    "cox": ("cox.net",),
    "charter": ("charter.net", "rr.com", "spectrum.net"),
    "centurylink": ("centurylink.net", "synacor.com"),
    "earthlink": ("earthlink.net",),
    "bell": ("bell.net", "bellnexxia.net"),
    "rogers": ("rogers.com",),
    "telstra": ("bigpond.com", "telstra.com"),
    "bt": ("btinternet.com", "bt.com", "cpcloud.co.uk"),
    "virgin": ("virginmedia.com", "ntlworld.com"),
    "uol": ("uol.com.br", "bol.com.br"),
    "terra": ("terra.com", "terra.com.br"),
    "locaweb": ("locaweb.com.br",),
    "godaddy": ("secureserver.net",),
    "rackspace": ("emailsrvr.com",),
    "namecheap": ("privateemail.com", "registrar-servers.com", "jellyfish.systems"),
    "hostinger": ("hostinger.com", "titan.email"),
    "siteground": ("mailspamprotection.com",),
    "dreamhost": ("dreamhost.com",),
    "bluehost": ("bluehost.com", "hostgator.com"),
    "cloudflare": ("mx.cloudflare.net",),
    "improvmx": ("improvmx.com",),
    "forwardemail": ("forwardemail.net",),
    "amazon": ("amazonaws.com", "awsapps.com", "amazon.com"),
    "mailgun": ("mailgun.org",),
    "sendgrid": ("sendgrid.net",),
    "proofpoint": ("pphosted.com", "ppe-hosted.com", "gpphosted.com"),
    "mimecast": ("mimecast.com", "mimecast-offshore.com", "mimecast.co.za"),
    "cisco": ("iphmx.com",),
    "barracuda": ("barracudanetworks.com", "barracuda.com"),
    "broadcom": ("messagelabs.com",),
    "trendmicro": ("trendmicro.com", "trendmicro.eu"),
    "sophos": ("sophos.com", "reflexion.net"),
    "hornetsecurity": ("hornetsecurity.com", "antispameurope.com", "spamexperts.com", "vadesecure.com"),
    "n-able": ("antispamcloud.com", "mtaroutes.com"),
    "forcepoint": ("mailcontrol.com",),
    "trellix": ("fireeyecloud.com", "mxlogic.net", "fireeyegov.com"),
    "zix": ("zixcorp.com", "appriver.com", "arsmtp.com"),
    "retarus": ("retarus.com",),
    "nospamproxy": ("cloud.nospamproxy.com",),
}
_PROVIDERS = {end: provider for provider, ends in _EXCHANGERS.items() for end in ends}
# Second labels that belong to a country's registry (`co.uk`), so that the owner's name is the third.
_REGISTRY_LABELS = frozenset({"ac", "co", "com", "edu", "gob", "gouv", "gov", "ne", "net", "or", "org"})


def provider_of(exchangers: Sequence[str]) -> str:
    """Return who runs these mail exchangers, given by preference; empty when there are none.

    That is a name from the table, or else the domain that the preferred exchanger belongs to.
    """
    hosts = [host.lower().rstrip(".") for host in exchangers if host.strip(".")]
    if not hosts:
        return ""
    return _known(hosts[0]) or owner_of(hosts[0])


def owner_of(host: str) -> str:
    """Return the domain that somebody registered to have this name: `mx1.example.co.uk` is example.co.uk's."""
    labels = host.split(".")
    of_country = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _REGISTRY_LABELS
    return ".".join(labels[-3 if of_country else -2 :])


def _known(host: str) -> str | None:
    labels = host.split(".")
    ends = (".".join(labels[start:]) for start in range(len(labels)))
    return next((_PROVIDERS[end] for end in ends if end in _PROVIDERS), None)
