"""Which detection flags may be seen: all but those that could be a person, a path or an address.

The vocabulary is unknown, so nothing here guesses what a flag looks like. What is forbidden is
named; a flag that holds any of it is counted, but as `other`.
"""

import re
from functools import lru_cache
from ipaddress import ip_address

from exporter.api.schema.session import LONGEST_FLAG

_PERSON = "user|student|learner|teacher|person|account|login|name|e?mail|phone|tel"
_ENDINGS = (
    "com|org|net|edu|gov|mil|int|info|io|ai|app|dev|cloud"
    "|local|localhost|lan|internal|intranet|example|test|invalid"
)
_FORBIDDEN = re.compile(
    "|".join(
        (
            r"@",  # e-mail addresses, handles
            r"://|^//|\bwww\.",  # URLs
            r"[?&=]|%[0-9a-f]{2}",  # their queries
            r"\\|^[/~.]|/.*/|/$|/[0-9]+\b|\b[0-9]+/",  # paths
            r"\.(?:html?|php|aspx?|jsp|js|css|json|pdf|png|jpe?g|svg)\b",  # files
            r"[a-z][a-z0-9-]*/[0-9]+\.[0-9]|[;{}<\"`]",  # user agents, markup
            # Hosts, by the endings that they have.
            rf"[a-z0-9]\.(?:{_ENDINGS})(?![a-z0-9_-])|\blocalhost\b",
            r"[a-z0-9]\.[a-z0-9-]+\.[a-z]{2}(?![a-z0-9_-])",
            # Persons and places, named as such.
            rf"(?<![a-z])(?:{_PERSON})s?[ _.-]?(?:id|name|no|nr)?[ _.-]*[:#/]",
            rf"(?<![a-z])(?:{_PERSON}|course|quiz)s?[ _.:/#-]?[0-9]",
            # UUIDs, hashes, numbers as long as those of accounts and telephones, tokens, keys.
            r"[0-9a-f]{8}-[0-9a-f]{4}-|(?=[a-f]*[0-9])[0-9a-f]{12}",
            r"[0-9](?:[ ._/()-]*[0-9]){5}",
            r"(?=[a-z]*[0-9][a-z]*[0-9][a-z]*[0-9])[a-z0-9]{20}",
            r"\baik_|\beyj[a-z0-9_-]{8}|\bbearer\b",
        )
    ),
    re.IGNORECASE,
)
_WORDS = re.compile(r"(?<![0-9A-Za-z:.])[0-9A-Fa-f:.]+(?![0-9A-Za-z])")


@lru_cache(4096)
def is_label(flag: str) -> bool:
    """Whether a flag may be a label value; another counts as `other`.

    `linear_mouse`, `mouse:linear`, `mouse/linear`, `2fa_bypass` and `rule_10001` may be one. A flag
    may hold up to 64 printable characters, and must not look like a part of a URL, a path, a host,
    a user agent, an e-mail address, a person's or a course's id, a long number, a hash or a key.
    """
    if not 0 < len(flag) <= LONGEST_FLAG or not flag.isprintable() or flag != flag.strip():
        return False
    return not _FORBIDDEN.search(flag) and not any(map(_is_address, _WORDS.findall(flag)))


def _is_address(word: str) -> bool:
    """Whether it is an IP address, with or without a port."""
    host = word.rpartition(":")[0] if "." in word and ":" in word else word
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
