"""Headers of signatures that are refused, though each comes near a good one."""

from __future__ import annotations

from recoup.webhooks.signature import Fault


def shapes(stamp: int, mac: str) -> dict[str, tuple[str | None, Fault]]:
    """Name -> a header, made of a good stamp and a good digest, and why it is refused."""
    return _incomplete(stamp, mac) | _odd_stamps(stamp, mac) | _odd_wholes(stamp, mac)


def _incomplete(stamp: int, mac: str) -> dict[str, tuple[str | None, Fault]]:
    return {
        "nothing": ("", Fault.MISSING),
        "none": (None, Fault.MISSING),
        "blank": (" ", Fault.MALFORMED),
        "comma": (",", Fault.MALFORMED),
        "commas": (",,,,", Fault.MALFORMED),
        "equals": ("=", Fault.MALFORMED),
        "word": ("signature", Fault.MALFORMED),
        "json": ('{"t":1}', Fault.MALFORMED),
        "no t": (f"v1={mac}", Fault.MALFORMED),
        "no v1": (f"t={stamp}", Fault.MALFORMED),
        "v0 only": (f"t={stamp},v0={mac}", Fault.MALFORMED),
        "v2 only": (f"t={stamp},v2={mac}", Fault.MALFORMED),
        "V1": (f"t={stamp},V1={mac}", Fault.MALFORMED),
        "T": (f"T={stamp},v1={mac}", Fault.MALFORMED),
        "empty t": (f"t=,v1={mac}", Fault.MALFORMED),
        "empty v1": (f"t={stamp},v1=", Fault.MALFORMED),
        "upper-case hex": (f"t={stamp},v1={mac.upper()}", Fault.MALFORMED),
        "short digest": (f"t={stamp},v1={mac[:-1]}", Fault.MALFORMED),
        "half a digest": (f"t={stamp},v1={mac[:32]}", Fault.MALFORMED),
        "long digest": (f"t={stamp},v1={mac}0", Fault.MALFORMED),
        "0x": (f"t={stamp},v1=0x{mac[2:]}", Fault.MALFORMED),
        "no hex": (f"t={stamp},v1={'g' * 64}", Fault.MALFORMED),
        "base64": (f"t={stamp},v1={'A' * 43}=", Fault.MALFORMED),
        "non-ASCII digest": (f"t={stamp},v1={'é' * 64}", Fault.MALFORMED),
        "full-width digits": (f"t={stamp},v1={'０' * 64}", Fault.MALFORMED),
        "non-ASCII": (f"t={stamp},v1={mac},é=1", Fault.MALFORMED),
    }


def _odd_stamps(stamp: int, mac: str) -> dict[str, tuple[str | None, Fault]]:
    return {
        "arabic digits": (f"t=١٧٧٢٤٥٢٨٠٠,v1={mac}", Fault.MALFORMED),
        "superscript": (f"t=²,v1={mac}", Fault.MALFORMED),
        "two t": (f"t={stamp},t={stamp},v1={mac}", Fault.MALFORMED),
        "another t": (f"t={stamp},v1={mac},t=1", Fault.MALFORMED),
        "underscore": (f"t={str(stamp)[0]}_{str(stamp)[1:]},v1={mac}", Fault.MALFORMED),
        "negative": (f"t=-{stamp},v1={mac}", Fault.MALFORMED),
        "plus": (f"t=+{stamp},v1={mac}", Fault.MALFORMED),
        "fraction": (f"t={stamp}.0,v1={mac}", Fault.MALFORMED),
        "exponent": (f"t=1e9,v1={mac}", Fault.MALFORMED),
        "hex t": (f"t={stamp:#x},v1={mac}", Fault.MALFORMED),
        "nan": (f"t=nan,v1={mac}", Fault.MALFORMED),
        "2 ** 63": (f"t={2**63},v1={mac}", Fault.MALFORMED),
        "2 ** 64": (f"t={2**64},v1={mac}", Fault.MALFORMED),
        "5,000 digits": (f"t={'9' * 5000},v1={mac}", Fault.MALFORMED),
        "largest": (f"t={'9' * 11},v1={mac}", Fault.FROM_THE_FUTURE),
        "milliseconds": (f"t={stamp}000,v1={mac}", Fault.MALFORMED),
        "zero": (f"t=0,v1={mac}", Fault.TOO_OLD),
    }


def _odd_wholes(stamp: int, mac: str) -> dict[str, tuple[str | None, Fault]]:
    return {
        "blank between": (f"t={stamp}, v1={mac}", Fault.MALFORMED),
        "blank before": (f" t={stamp},v1={mac}", Fault.MALFORMED),
        "blank behind": (f"t={stamp},v1={mac} ", Fault.MALFORMED),
        "blank around =": (f"t = {stamp},v1={mac}", Fault.MALFORMED),
        "tab": (f"t={stamp},\tv1={mac}", Fault.MALFORMED),
        "LF": (f"t={stamp},v1={mac}\n", Fault.MALFORMED),
        "CRLF": (f"t={stamp},v1={mac}\r\n", Fault.MALFORMED),
        "LF inside": (f"t={stamp}\n,v1={mac}", Fault.MALFORMED),
        "NUL": (f"t={stamp},v1={mac}\0", Fault.MALFORMED),
        "semicolons": (f"t={stamp};v1={mac}", Fault.MALFORMED),
        "quotes": (f't="{stamp}",v1="{mac}"', Fault.MALFORMED),
        "trailing comma": (f"t={stamp},v1={mac},", Fault.MALFORMED),
        "leading comma": (f",t={stamp},v1={mac}", Fault.MALFORMED),
        "no name": (f"t={stamp},={mac}", Fault.MALFORMED),
        "one bad v1 among good": (f"t={stamp},v1={mac},v1=short", Fault.MALFORMED),
        "17 v1": (f"t={stamp}" + f",v1={mac}" * 17, Fault.MALFORMED),
        "10,000 v1": (f"t={stamp}" + f",v1={mac}" * 10_000, Fault.MALFORMED),
        "10,000 v0": (f"t={stamp},v1={mac}" + ",v0=1" * 10_000, Fault.MALFORMED),
        "a megabyte": ("t" * 2**20, Fault.MALFORMED),
        "lone surrogate": (f"t={stamp},v1={mac},a=\ud800", Fault.MALFORMED),
        "wrong": (f"t={stamp},v1={'0' * 64}", Fault.WRONG),
        "in v0, another in v1": (f"t={stamp},v0={mac},v1={'0' * 64}", Fault.WRONG),
    }
