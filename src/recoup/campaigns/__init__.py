"""
The engines that bring up the steps of campaigns, by name.

Ours is always there. Another one is named as "package.module:attribute" in
RECOUP_CAMPAIGN_ENGINE and is loaded only then; docs/campaigns.md says what it must do.
"""

from collections.abc import Callable, Mapping
from typing import Final

from recoup.campaigns._loading import Engines as Engines
from recoup.campaigns.base import Campaign as Campaign
from recoup.campaigns.base import CampaignEngine as CampaignEngine
from recoup.campaigns.builtin import Builtin

ENGINES: Final[Mapping[str, Callable[[], CampaignEngine]]] = {"builtin": Builtin}
