"""The settings, each declared once: type, default, range and help.

Flags, variables, YAML keys, `--help`, the README's table and the chart all follow from these
declarations. Durations are float seconds here. pydantic-settings merges the sources that `load`
hands over; settings that code makes never take anything from a file or the environment.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from warnings import catch_warnings, filterwarnings

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from exporter.settings.values import (
    Address,
    BaseUrl,
    Count,
    DatabaseUrl,
    Duration,
    FilePath,
    Globs,
    IntegrationName,
    Interval,
    KeyText,
    Level,
    Limits,
    MetricsPath,
    Overlap,
    Pattern,
    PlaceName,
    PlaceValues,
    PositiveDuration,
    Scale,
    SchemaName,
    Share,
    Switch,
    Users,
    VariableName,
    Windows,
    split_address,
)

Region = Literal["us", "eu"]

#: The two isolated stacks of the API; a key belongs to one of them.
BASE_URLS: Final[dict[str, str]] = {
    "us": "https://api.isnotai.com",
    "eu": "https://api-eu.isnotai.com",
}
#: After how many intervals the gauges of a failing resource go away, unless `poll.stale_after`.
STALE_INTERVALS: Final = 5


@dataclass(frozen=True)
class Doc:
    """What a field's type does not say: its default in words, and where it cannot be set."""

    default: str | None = None
    flag: bool = True
    variable: bool = True
    file: bool = True
    aliases: tuple[str, ...] = ()


class Section(BaseModel):
    """Settings that share a prefix."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ConfigSettings(Section):
    file: Annotated[FilePath | None, Doc(file=False)] = Field(
        default=None, description="YAML file with settings; flags and variables win over it"
    )


class WebSettings(Section):
    listen_address: Address = Field(
        default=":10984", description="where to serve: host:port, :port or [::1]:port"
    )
    telemetry_path: MetricsPath = Field(default="/metrics", description="path of the metrics")
    config_file: Annotated[FilePath | None, Doc(aliases=("web.config.file",))] = Field(
        default=None, description="TLS and basic auth, in the Prometheus web-config file format"
    )
    enable_lifecycle: Switch = Field(default=False, description="allow POST /-/reload")

    @property
    def host(self) -> str:
        """The host to listen on, without brackets; empty for every interface."""
        return split_address(self.listen_address)[0]

    @property
    def port(self) -> int:
        """The TCP port to listen on; 0 lets the system choose."""
        return split_address(self.listen_address)[1]


class TlsSettings(Section):
    ca_file: FilePath | None = Field(
        default=None,
        description="certificates to trust, for the API and OTLP, besides SSL_CERT_FILE; "
        "re-read when it changes",
    )


class PollSettings(Section):
    sessions_interval: Interval = Field(
        default=60.0, description="how often to read sessions; 0: never"
    )
    stats_interval: Interval = Field(
        default=300.0, description="how often to read /v1/stats; 0: never"
    )
    analytics_interval: Interval = Field(
        default=300.0, description="how often to read /v1/analytics, per window; 0: never"
    )
    usage_interval: Interval = Field(
        default=900.0, description="how often to read /v1/usage; 0: never"
    )
    integration_interval: Interval = Field(
        default=900.0, description="how often to read /v1/integration; 0: never"
    )
    health_interval: Interval = Field(
        default=60.0, description="how often to read /health; 0: never"
    )
    users_interval: Interval = Field(
        default=0.0, description="how often to walk all of /v1/users, behind sessions; 0: never"
    )
    courses_interval: Interval = Field(
        default=0.0, description="how often to walk all of /v1/courses, behind sessions; 0: never"
    )
    openapi_interval: Interval = Field(
        default=86_400.0,
        description="how often to read /openapi/v3.json, the API's description of itself; 0: never",
    )
    stale_after: Annotated[
        PositiveDuration | None, Doc(default=f"{STALE_INTERVALS} × the resource's interval")
    ] = Field(
        default=None, description="after this, the domain gauges of a failing resource disappear"
    )

    def interval(self, resource: str) -> float:
        """Seconds between two polls of a resource such as `stats`; 0 means never.

        Raises AttributeError for a resource that does not exist.
        """
        seconds: float = getattr(self, f"{resource}_interval")
        return seconds


class AnalyticsSettings(Section):
    windows: Windows = Field(
        default=("24h", "7d"), description="which periods to read: some of 24h, 7d, 30d, 90d"
    )
    bot_percentage_scale: Scale = Field(
        default=100,
        description="what a full share is in topOrigins' botPercentage, 100 or 1; "
        "the API does not say",
    )
    bucket_timestamp: Literal["start", "end"] = Field(
        default="start",
        description="whether the timestamp of a time-series bucket is its start or its end; "
        "the API does not say",
    )


class StatsSettings(Section):
    include: Annotated[Globs, Doc(default="all")] = Field(
        default=("*",), description="patterns of stat names to keep, such as total_*"
    )


class PlaceSettings(Section):
    """One entry of `sessions.places`."""

    name: PlaceName
    pattern: Pattern
    max: PlaceValues = 100


class SessionsSettings(Section):
    lookback: Duration = Field(
        default=0.0, description="how far back of its start an exporter without state counts"
    )
    overlap: Overlap = Field(
        default=120.0,
        description="how late a session may appear and still be counted; at most 3d",
    )
    settle_after: PositiveDuration = Field(
        default=900.0, description="a session is settled by this age at the latest"
    )
    exemplars: Switch = Field(
        default=False, description="session ids as exemplars of the bot score"
    )
    bot_threshold: Share = Field(
        default=0.7, description="from this bot score on, a session is a bot"
    )
    bot_score_scale: Scale = Field(
        default=1,
        description="what a certain bot's botScore is, 1 as documented, or 100; "
        "`bot_threshold` is a part of it",
    )
    max_flags: Count = Field(
        default=100, description='further detection flags count as flag="other"'
    )
    places: Annotated[tuple[PlaceSettings, ...], Doc(flag=False, variable=False)] = Field(
        default=(),
        description="(YAML only) a list of {name, pattern, max}: RE2 patterns over scheme, "
        "host and path of pageUrl, whose one group gives the value to count sessions by",
    )
    details: Switch = Field(
        default=False,
        description="read the details of settled bots, with what the budget has left",
    )
    places_min_users: Users = Field(
        default=10,
        description="a place's value shows once so many distinct users were seen in it; at least 2",
    )


class BudgetSettings(Section):
    share: Share = Field(
        default=0.25,
        description="part of the tier's requests/minute that all replicas together may spend",
    )
    replicas: Count = Field(
        default=1, description="how many exporters share the key; each spends share / replicas"
    )


class QuotaSettings(Section):
    limits: Limits = Field(
        default_factory=dict,
        description="your plan's monthly limits: api_calls=1000000,events=5000000, or a YAML map",
    )


class OtlpSettings(Section):
    findings: Switch = Field(
        default=False,
        description="send one OTLP log record, with the session's id, for each settled bot",
    )


with catch_warnings():
    # The setting is called `state.schema`, after PostgreSQL; pydantic's old method of that name is
    # not used.
    filterwarnings("ignore", message='Field name "schema"')

    class StateSettings(Section):
        path: Annotated[FilePath | None, Doc(default="in memory")] = Field(
            default=None, description="SQLite file that keeps the counts over a restart"
        )
        url: Annotated[DatabaseUrl | None, Doc(flag=False)] = Field(
            default=None,
            description="PostgreSQL instead of a file, shared by all replicas: "
            "postgresql://user:password@host/database; no flag, as it would show in process lists",
        )
        url_file: FilePath | None = Field(
            default=None,
            description="file that holds the URL of `state.url`; re-read at each connection",
        )
        schema: SchemaName = Field(  # type: ignore[assignment]  # see above
            default="isnotai",
            description="schema of the tables in PostgreSQL; deployments that share a database "
            "differ in it",
        )


class LogSettings(Section):
    level: Level = Field(default="info", description="debug, info, warning or error")
    format: Literal["auto", "json", "console"] = Field(
        default="auto", description="json, console, or auto: console on a terminal, json off one"
    )


class IntegrationSettings(Section):
    """One entry of `integrations`; its `api_key` is the variable that `api_key_env` names."""

    name: IntegrationName
    api_key_file: FilePath | None = None
    api_key_env: VariableName | None = None
    region: Region | None = None
    base_url: BaseUrl | None = None
    api_key: KeyText | None = None


@dataclass(frozen=True)
class KeySource:
    """Where an account's key comes from: the key itself, or a file that is re-read.

    Both are None only for settings that were loaded without asking for a key.
    """

    api_key: SecretStr | None = None
    api_key_file: Path | None = None


@dataclass(frozen=True)
class Account:
    """One integration to poll: its label, its stack and its key."""

    integration: str
    base_url: str
    region: str
    key: KeySource


#: What `Settings.merged` merges, for as long as it does; pydantic-settings takes no sources as
#: arguments, it asks the class for them.
_sources: ContextVar[tuple[PydanticBaseSettingsSource, ...]] = ContextVar("_sources", default=())


class Settings(BaseSettings):
    """Everything that can be set. Made by `load`; tests may build it directly."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        env_prefix="ISNOTAI_",
        # One split, so that `ISNOTAI_WEB_LISTEN_ADDRESS` is web.listen_address. No section may be
        # called `api`, `base` or `integration`: it would swallow `ISNOTAI_API_KEY` and its like.
        env_nested_delimiter="_",
        env_nested_max_split=1,
        env_ignore_empty=True,
    )

    api_key: Annotated[KeyText | None, Doc(flag=False)] = Field(
        default=None,
        description="the key of one integration; no flag, as it would show in process lists",
    )
    api_key_file: FilePath | None = Field(
        default=None, description="file that holds the key; re-read when it changes and after a 401"
    )
    region: Region = Field(default="us", description="us or eu: the stack that the key belongs to")
    base_url: Annotated[BaseUrl | None, Doc(default="from region")] = Field(
        default=None, description="another address of the API, for a proxy or a simulator"
    )
    auth_header: Literal["authorization", "x-api-key"] = Field(
        default="authorization",
        description="authorization, or x-api-key where a proxy strips Authorization",
    )
    integration: IntegrationName = Field(
        default="default",
        description="value of the integration label; teams on one Prometheus differ",
    )
    integrations: Annotated[tuple[IntegrationSettings, ...], Doc(flag=False, variable=False)] = (
        Field(
            default=(),
            description="(YAML only) a list of {name, api_key_file or api_key_env, region, "
            "base_url}, for one exporter that serves many keys",
        )
    )
    config: ConfigSettings = ConfigSettings()
    web: WebSettings = WebSettings()
    tls: TlsSettings = TlsSettings()
    poll: PollSettings = PollSettings()
    analytics: AnalyticsSettings = AnalyticsSettings()
    stats: StatsSettings = StatsSettings()
    sessions: SessionsSettings = SessionsSettings()
    budget: BudgetSettings = BudgetSettings()
    quota: QuotaSettings = QuotaSettings()
    otlp: OtlpSettings = OtlpSettings()
    state: StateSettings = StateSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def merged(cls, *sources: PydanticBaseSettingsSource) -> Self:
        """Settings from these sources, of which the first wins.

        Raises pydantic's ValidationError for the values that won and cannot be used.
        """
        token = _sources.set(sources)
        try:
            return cls()
        finally:
            _sources.reset(token)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Keyword arguments, then what `merged` was given; never the process's own environment."""
        return init_settings, *_sources.get()

    def accounts(self) -> tuple[Account, ...]:
        """The integrations to poll: one from the top-level keys, or one per list entry."""
        if not self.integrations:
            key = KeySource(self.api_key, self.api_key_file)
            return (
                Account(
                    integration=self.integration,
                    base_url=self.base_url or BASE_URLS[self.region],
                    region=self.region,
                    key=key,
                ),
            )
        return tuple(self._account(entry) for entry in self.integrations)

    def _account(self, entry: IntegrationSettings) -> Account:
        region = entry.region or self.region
        return Account(
            integration=entry.name,
            base_url=entry.base_url or self.base_url or BASE_URLS[region],
            region=region,
            key=KeySource(entry.api_key, entry.api_key_file),
        )


#: The fields from which `accounts` follows; all others hold for every integration alike.
INTEGRATION_FIELDS: Final = frozenset(
    {"api_key", "api_key_file", "region", "base_url", "integration", "integrations"}
)
