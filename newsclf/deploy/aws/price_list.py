"""On-demand prices from the AWS Price List, through `pricing:GetProducts`.

A product comes as a JSON string: `product.attributes` say what it is, and the price dimensions
below `terms.OnDemand` what it costs, one dimension for each tier. Usage types begin with a code of
the region (`CAN1-Request`), which us-east-1's older ones lack; the region itself is filtered for.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable
from typing import Any, Literal

from newsclf.common.errors import ServiceError
from newsclf.costs.prices import PriceBook, Tier
from newsclf.deploy.aws.call.clients import Clients

PRICING_REGION = "us-east-1"
"""The service has endpoints in three regions, and each knows the prices of all."""
_SAGEMAKER, _LAMBDA, _API_GATEWAY = "AmazonSageMaker", "AWSLambda", "AmazonApiGateway"
JobUsage = Literal["Train", "Tsform"]
"""A training or a batch job, as in AWS's usage types."""
_Product = tuple[str, tuple[Tier, ...]]
"""Usage type without the region's code, such as `Host:ml.c5.large`, and its tiers."""


def fetch_prices(
    clients: Clients, region: str, instances: Iterable[str], *, today: dt.date
) -> PriceBook:
    """The prices of a region: of hosting on these instances, and of what is billed by the request.

    What the region does not offer is left out.

    Raises:
        TargetError: no usable credentials, or they may not read prices.
        ServiceError: AWS can't be reached, is busy, or answers with something other than prices.
    """

    def origin(offer: str) -> dict[str, Any]:
        source = f"AWS Price List API, offer {offer}, read {today.isoformat()}"
        return {"region": region, "date": today, "source": source}

    hosting = _hosting(_products(clients, _SAGEMAKER, regionCode=region, component="Hosting"))
    offered = {name: hosting[name] for name in sorted(set(instances)) if name in hosting}
    serverless = _find(
        _products(clients, _SAGEMAKER, regionCode=region, productFamily="ML Serverless"),
        "ServerlessInf:Mem-1GB",
    )
    functions = _products(clients, _LAMBDA, regionCode=region)
    gateways = _products(clients, _API_GATEWAY, regionCode=region)
    document: dict[str, Any] = {
        "schema_version": 1,
        "hosting": [{"usd_per_hour": offered, **origin(_SAGEMAKER)}] if offered else [],
        "serverless": [
            {"usd_per_gb_second": tier.usd, **origin(_SAGEMAKER)} for tier in serverless[:1]
        ],
        "lambda": [
            {
                "architecture": architecture,
                "usd_per_request": request[0].usd,
                "usd_per_gb_second": gb_second,
                **origin(_LAMBDA),
            }
            for architecture, suffix in (("x86_64", ""), ("arm64", "-ARM"))
            if (request := _find(functions, f"Request{suffix}"))
            and (gb_second := _find(functions, f"Lambda-GB-Second{suffix}"))
        ],
        "api_gateway": [
            {"kind": kind, "usd_per_request": tiers, **origin(_API_GATEWAY)}
            for kind, usage in (("http", "ApiGatewayHttpRequest"), ("rest", "ApiGatewayRequest"))
            if (tiers := _find(gateways, usage))
        ],
    }
    return PriceBook.model_validate(document)


def job_usd_per_hour(clients: Clients, instance: str, usage: JobUsage) -> float | None:
    """The price of an hour of a job on demand; None if AWS lists none.

    Raises:
        TargetError: no usable credentials, or they may not read prices.
        ServiceError: AWS can't be reached, is busy, or answers with something other than prices.
    """
    products = _products(
        Clients(PRICING_REGION, clients.profile),
        _SAGEMAKER,
        regionCode=clients.region,
        instanceName=instance,
    )
    found = _find(products, f"{usage}:{instance}")
    return found[0].usd if found else None


def _products(clients: Clients, service: str, **filters: str) -> list[_Product]:
    texts = clients.listed(
        "pricing",
        "get_products",
        "PriceList",
        doing="reading prices",
        ServiceCode=service,
        FormatVersion="aws_v1",
        Filters=[
            {"Type": "TERM_MATCH", "Field": field, "Value": value}
            for field, value in filters.items()
        ],
    )
    return [product for text in texts if (product := _read(text))[1]]


def _read(text: str) -> _Product:
    """Raises ServiceError if the text is not a product."""
    try:
        document = json.loads(text)
        attributes = document["product"]["attributes"]
        dimensions = [
            dimension
            for term in document["terms"].get("OnDemand", {}).values()
            for dimension in term["priceDimensions"].values()
        ]
        dimensions.sort(key=lambda dimension: float(dimension["beginRange"]))
        tiers = tuple(
            Tier(up_to=None if (end := dimension["endRange"]) == "Inf" else float(end), usd=usd)
            for dimension in dimensions
            if (usd := float(dimension["pricePerUnit"]["USD"])) > 0  # zero is the free tier
        )
        return re.sub(r"^[A-Z0-9]+-", "", attributes["usagetype"]), tiers
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ServiceError(
            f"reading prices: AWS sent a product of an unknown form ({error!r})",
            hint="newsclf prices show has the prices known so far; --prices FILE adds others",
        ) from error


def _hosting(products: Iterable[_Product]) -> dict[str, float]:
    """Instance → USD per hour.

    Raises:
        ServiceError: one instance has two prices.
    """
    prices: dict[str, float] = {}
    for usage, (tier, *_) in products:
        kind, _, instance = usage.partition(":")
        if kind == "Host" and prices.setdefault(instance, tier.usd) != tier.usd:
            raise ServiceError(
                f"AWS has two prices for {instance}: {prices[instance]} and {tier.usd}",
                hint="put the right one into a file for --prices",
            )
    return prices


def _find(products: Iterable[_Product], usage: str) -> tuple[Tier, ...]:
    """The tiers of a usage type; none if the region does not have it."""
    return next((tiers for name, tiers in products if name == usage), ())
