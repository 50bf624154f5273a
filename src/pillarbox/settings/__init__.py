"""The settings: one frozen object from a file, the environment and flags, in that order of precedence.

Callers import from here. everything.py and tables.py say what can be set,
reading.py where it comes from, and rules.py what cannot be together.
"""

from pillarbox.settings.everything import Settings
from pillarbox.settings.reading import from_process, load
from pillarbox.settings.rules import SettingsError
from pillarbox.settings.tables import (
    EventsSetting,
    MxSetting,
    PoolSetting,
    RouteSetting,
    S3Setting,
    SmarthostSetting,
    UpstreamSetting,
)

__all__ = [
    "EventsSetting",
    "MxSetting",
    "PoolSetting",
    "RouteSetting",
    "S3Setting",
    "Settings",
    "SettingsError",
    "SmarthostSetting",
    "UpstreamSetting",
    "from_process",
    "load",
]
