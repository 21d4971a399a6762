"""AWS's pricing service on loopback: GetProducts over a small catalogue, two products a page."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PAGE = 2


def product(
    service: str,
    region: str,
    usage_type: str,
    *tiers: tuple[str, str],
    family: str = "",
    **attributes: str,
) -> dict[str, Any]:
    """A product as AWS writes one.

    Args:
        tiers: (where the tier begins, USD as AWS writes it), rising.
    """
    ends = [*(begin for begin, _ in tiers[1:]), "Inf"]
    dimensions = {
        f"SKU.TERM.{i}": {
            "unit": "Hrs",
            "beginRange": begin,
            "endRange": end,
            "pricePerUnit": {"USD": usd},
        }
        for i, ((begin, usd), end) in enumerate(zip(tiers, ends, strict=True))
    }
    return {
        "product": {
            "sku": "SKU",
            "productFamily": family,
            "attributes": {"regionCode": region, "usagetype": usage_type, **attributes},
        },
        "serviceCode": service,
        "terms": {"OnDemand": {"SKU.TERM": {"priceDimensions": dimensions}}},
    }


def hosting(region: str, code: str, instance: str, usd: str) -> dict[str, Any]:
    """A product: an hour of hosting on an instance."""
    return product(
        "AmazonSageMaker",
        region,
        f"{code}Host:{instance}",
        ("0", usd),
        family="ML Instance",
        component="Hosting",
        instanceName=instance,
    )


def region(name: str, code: str) -> list[dict[str, Any]]:
    """Products of a region, including ones that prices must ignore."""
    return [
        hosting(name, code, "ml.c5.large", "0.1030000000"),
        hosting(name, code, "ml.c5.xlarge", "0.2040000000"),
        hosting(name, code, "ml.r5.large", "0.1510000000"),
        product(
            "AmazonSageMaker",
            name,
            f"{code}AsyncInf:ml.c5.large",
            ("0", "9"),
            component="Hosting",
            instanceName="ml.c5.large",
        ),
        product(
            "AmazonSageMaker",
            name,
            f"{code}Train:ml.c5.large",
            ("0", "9"),
            component="Training",
            instanceName="ml.c5.large",
        ),
        product(
            "AmazonSageMaker",
            name,
            f"{code}ServerlessInf:Mem-2GB",
            ("0", "0.00006"),
            family="ML Serverless",
        ),
        product(
            "AmazonSageMaker",
            name,
            f"{code}ServerlessInf:Mem-1GB",
            ("0", "0.00003"),
            family="ML Serverless",
        ),
        product("AWSLambda", name, f"{code}Lambda-Edge-Request", ("0", "0.0000006")),
        product("AWSLambda", name, f"{code}Request", ("0", "0.0000002000")),
        product(
            "AWSLambda",
            name,
            f"{code}Lambda-GB-Second",
            ("0", "0.0000166667"),
            ("6000000000", "0.0000150000"),
        ),
        product(
            "AmazonApiGateway",
            name,
            f"{code}ApiGatewayHttpRequest",
            ("0", "0.0000011"),
            ("300000000", "0.00000099"),
        ),
    ]


class PriceList:
    """The pricing service; tests change its fields to change its answers."""

    def __init__(self) -> None:
        self.products = [*region("us-east-1", ""), *region("ca-central-1", "CAN1-")]
        self.error: tuple[int, str] | None = None
        """(status, code) that is answered instead."""
        self.error_after = 0
        """How many requests are answered before it."""
        self.requests = 0
        self.url = ""

    def answer(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """One page of products, or an error."""
        self.requests += 1
        if self.error is not None and self.requests > self.error_after:
            status, code = self.error
            return status, {"__type": code, "message": "said by the fake"}
        wanted = {each["Field"]: each["Value"] for each in asked["Filters"]}
        found = [
            each
            for each in self.products
            if each["serviceCode"] == asked["ServiceCode"]
            and wanted.items()
            <= {
                **each["product"]["attributes"],
                "productFamily": each["product"]["productFamily"],
            }.items()
        ]
        begin = int(asked.get("NextToken", 0))
        page: dict[str, Any] = {
            "FormatVersion": "aws_v1",
            "PriceList": [json.dumps(each) for each in found[begin : begin + PAGE]],
        }
        if begin + PAGE < len(found):
            page["NextToken"] = str(begin + PAGE)
        return 200, page


@contextmanager
def serve(prices: PriceList) -> Iterator[PriceList]:
    """Answer on a free port of loopback, whose address is then in `url`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, document = prices.answer(asked)
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        prices.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield prices
        finally:
            server.shutdown()
            thread.join()
