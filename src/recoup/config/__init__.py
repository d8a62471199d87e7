"""
The settings, read once, frozen, and listed by `recoup config`.

A group of settings is a class in a module of its own, and `Config` is all of them.
"""

from recoup.config.settings import QUEUES as QUEUES
from recoup.config.settings import Config as Config
from recoup.config.settings import variable as variable
