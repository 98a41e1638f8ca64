"""The settings in effect: their sections, and how they are read from config.toml and the environment."""

import os

# Pydantic looks for plugins in the metadata of every installed package, which takes each process a tenth of a second.
# None is wanted: what reads the settings is this program alone.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from koa_worker.config.dicom import DestinationSettings, DicomSettings, ReceiverSettings, ResultSettings, parse_caller
from koa_worker.config.load import DEFAULT_FILE, TracedConfig, commented_defaults, load, trace
from koa_worker.config.settings import (
    AlertSettings,
    BatchSettings,
    Config,
    Folders,
    IntakeSettings,
    Limits,
    LogSettings,
    MetricsSettings,
    ModelSettings,
    ReportSettings,
    RetentionSettings,
    StoreSettings,
    WebSettings,
    WorkingHours,
    WorkSettings,
)

__all__ = [
    "DEFAULT_FILE",
    "AlertSettings",
    "BatchSettings",
    "Config",
    "DestinationSettings",
    "DicomSettings",
    "Folders",
    "IntakeSettings",
    "Limits",
    "LogSettings",
    "MetricsSettings",
    "ModelSettings",
    "ReceiverSettings",
    "ReportSettings",
    "ResultSettings",
    "RetentionSettings",
    "StoreSettings",
    "TracedConfig",
    "WebSettings",
    "WorkSettings",
    "WorkingHours",
    "commented_defaults",
    "load",
    "parse_caller",
    "trace",
]
