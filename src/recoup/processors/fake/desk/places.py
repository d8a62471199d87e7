"""Where a customer can be, as far as a tax authority can be told from an address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from recoup.errors import CustomerTaxLocationInvalid, Rejected

FIELDS: Final = frozenset("country line1 line2 city postal_code state".split())

#: Source: ISO 3166-1 alpha-2, officially assigned codes.
COUNTRIES: Final = frozenset(
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ "
    "BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM "
    "DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS "
    "GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN "
    "KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ "
    "MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM "
    "PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV "
    "SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI "
    "VN VU WF WS YE YT ZA ZM ZW".split()
)
#: Country -> what its postal codes look like, where taxes can not be told without one.
_POSTAL: Final = {
    "US": re.compile(r"[0-9]{5}(-[0-9]{4})?"),
    "CA": re.compile(
        r"[ABCEGHJ-NPRSTVXY][0-9][ABCEGHJ-NPRSTV-Z][ -]?[0-9][ABCEGHJ-NPRSTV-Z][0-9]",
        re.IGNORECASE | re.ASCII,
    ),
}


def checked(address: Mapping[str, str]) -> dict[str, str]:
    """
    Return the address, if somebody can be there.

    The text of the refusal holds nothing of the address.

    Raises:
        CustomerTaxLocationInvalid: no such country, or a postal code that the country needs to
            know its taxes (US, CA) is missing or impossible.
        Rejected: a field that an address does not have.
    """
    unknown = sorted(address.keys() - FIELDS)
    if unknown:
        raise Rejected(f"Received unknown parameter: address[{unknown[0]}]")
    country = address.get("country", "")
    postal = _POSTAL.get(country)
    if country not in COUNTRIES or (
        postal is not None and not postal.fullmatch(address.get("postal_code", ""))
    ):
        raise CustomerTaxLocationInvalid(
            "The customer's location isn't recognized. Set a valid customer address in order to "
            "automatically calculate tax."
        )
    return dict(address)
