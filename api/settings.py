"""Settings, read once from the environment at start; a bad value or an unknown name stops the start with a sentence."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from api.origins import origins
from crm.money import CURRENCIES
from store.embedded import CACHE_MB, CACHE_MB_MIN

PREFIX = "CRM_"
SECRET_LENGTH_MIN = 32


class BadSettings(Exception):
    """One sentence that names the variable and what is wrong with it."""


class Settings(BaseModel):
    """What an installation can choose; the README's table is made from the descriptions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: Literal["development", "production"] = Field(
        "development",
        description="`production` needs CRM_SECRET, refuses development tokens and hides GraphiQL and the schema.",
    )
    mongodb_uri: str | None = Field(
        None,
        description="Replica set or sharded cluster; without it the embedded MongoDB is started.",
        pattern=r"^mongodb(\+srv)?://",
        repr=False,
    )
    mongodb_database: str = Field("crm", description="Name of the database.", pattern=r"^[A-Za-z0-9_-]{1,38}$")
    mongodb_cache_mb: int = Field(
        CACHE_MB, description="Memory for the cache of the embedded MongoDB, in MiB.", ge=CACHE_MB_MIN
    )
    mongo_driver: Literal["motor", "pymongo"] = Field(
        "motor", description="`pymongo` uses PyMongo's own asyncio API, 1.2 to 1.7 times faster a call."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="What is logged: `info` is a line for each request, `debug` one for each probe as well."
    )
    metrics_port: int | None = Field(
        None,
        description="Where Prometheus finds `/metrics`: a port of its own. Without it nothing is counted.",
        ge=1,
        le=65535,
    )
    metrics_host: str = Field(
        "127.0.0.1", description="Address of that port; never one that the internet reaches.", min_length=1
    )
    otlp_endpoint: str | None = Field(
        None, description="OpenTelemetry collector, such as `http://collector:4318`.", pattern=r"^https?://[^\s/]+"
    )
    operation_cache: bool = Field(
        True, description="Whether a document is parsed and checked once; else at every request."
    )
    executor: Literal["compiled", "graphql-core"] = Field(
        "compiled", description="`graphql-core` runs operations the ordinary way, several times slower."
    )
    fetch_planning: bool = Field(
        True, description="Whether what a request reads at once goes as one command, asked ahead where it can be."
    )
    shared_lookups: bool = Field(True, description="Whether what several requests read at once goes as one command.")
    pipelined_writes: bool = Field(True, description="Whether a sale sends its writes at once.")
    currency: str = Field("USD", description="The shop's one currency, ISO 4217.", pattern=r"^[A-Z]{3}$")
    time_zone: str = Field("UTC", description="Where days and months begin where no store says otherwise; IANA name.")
    secret: str | None = Field(
        None,
        description="At least 32 characters; keys and receipts are made with it. Else kept in the data folder.",
        repr=False,
    )
    rate_limit: Literal["on", "off"] = Field(
        "on", description="`off` counts no points and no guesses; for benches, and where something before it does."
    )
    jwt_secret: str | None = Field(None, description="Shared secret of customers' tokens (HS256).", repr=False)
    jwt_jwks_url: str | None = Field(
        None, description="Address of the identity provider's keys (RS256, ES256).", pattern=r"^https?://[^\s/]+"
    )
    jwt_issuer: str | None = Field(None, description="Who must have issued a customer's token.")
    jwt_audience: str | None = Field(None, description="Whom a customer's token must be meant for.")
    jwt_source: str = Field(
        "jwt", description="Source of the external id that a token's sub is.", min_length=1, max_length=100
    )

    cors_origins: str | None = Field(
        None, description="Websites that may call from a browser: exact origins with commas; without it none."
    )
    trusted_documents: Path | None = Field(
        None,
        description="JSON file of documents by hash (codegen, Relay); storefronts, customers, tills then run no other.",
    )

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Return the settings that the CRM_* variables make.

        Raises:
            BadSettings: an unknown name, or a value that does not hold.
        """
        ours = {name.removeprefix(PREFIX).lower(): value for name, value in environ.items() if name.startswith(PREFIX)}
        try:
            return cls.model_validate({name: value for name, value in ours.items() if value != ""})
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            name = PREFIX + "_".join(str(part) for part in problem["loc"]).upper() if problem["loc"] else "Settings"
            if problem["type"] == "extra_forbidden":
                raise BadSettings(f"{name} is no setting of this version.") from None
            raise BadSettings(f"{name}: {problem['msg'].removeprefix('Value error, ')}") from None

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            return ZoneInfo(name).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("expected an IANA time zone such as Europe/Vienna.") from None

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, code: str) -> str:
        if code not in CURRENCIES:
            raise ValueError("expected a currency code of ISO 4217 such as EUR.")
        return code

    @field_validator("cors_origins")
    @classmethod
    def _exact_origins(cls, text: str | None) -> str | None:
        origins(text)
        return text

    @field_validator("secret", "jwt_secret")
    @classmethod
    def _long_enough(cls, secret: str | None) -> str | None:
        if secret is not None and len(secret.encode()) < SECRET_LENGTH_MIN:
            raise ValueError(f"expected at least {SECRET_LENGTH_MIN} characters.")
        return secret

    @field_validator("jwt_issuer")
    @classmethod
    def _not_us(cls, issuer: str | None) -> str | None:
        from api.tokens import DEVELOPMENT

        if issuer == DEVELOPMENT:
            raise ValueError("this is the issuer of our own development tokens.")
        return issuer

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.jwt_secret and self.jwt_jwks_url:
            raise ValueError("set CRM_JWT_SECRET or CRM_JWT_JWKS_URL, not both.")
        if self.has_identity_provider and not (self.jwt_issuer and self.jwt_audience):
            raise ValueError("an identity provider needs CRM_JWT_ISSUER and CRM_JWT_AUDIENCE.")
        if not self.has_identity_provider and (self.jwt_issuer or self.jwt_audience):
            raise ValueError("CRM_JWT_ISSUER and CRM_JWT_AUDIENCE need CRM_JWT_SECRET or CRM_JWT_JWKS_URL.")
        if self.environment == "production" and not self.secret:
            raise ValueError("production needs CRM_SECRET.")
        return self

    @property
    def has_identity_provider(self) -> bool:
        """Whether customers' tokens come from the shop's own identity provider."""
        return bool(self.jwt_secret or self.jwt_jwks_url)
