"""Data plane of the fake AWS: a real model server, and the real Lambda archives.

API Gateway's part is done here from what moto holds: route, stage, authorizer, integration, and the
function's own permission for this API. A request reaches it at `/-api/<id>/…`, since there are no
host names on loopback.
"""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httpx
from moto.apigatewayv2.models import apigatewayv2_backends
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.sagemaker.models import sagemaker_backends

from newsclf.deploy.sigv4 import Credentials, Scope, SignatureError, verify
from tests.support.fakeaws.answers import Answer, RefusedError, ok
from tests.support.fakeaws.function import FUNCTION, Runtime
from tests.support.fakeaws.logs import write_log
from tests.support.fakeaws.permissions import Permission
from tests.support.fakeaws.requests import Call
from tests.support.fakeaws.services import functions
from tests.support.fakeaws.world import REGIONS

if TYPE_CHECKING:
    from tests.support.fakeaws.server import FakeAws

API_PREFIX = "/-api/"
USER, USER_SECRET = "AKIDUSER", "secret-of-the-user-4d1f"
"""Whoever runs the command line."""
_REAL_TIME_BYTES, _SERVERLESS_BYTES = 6 * 1024 * 1024, 4 * 1024 * 1024
"""Of a request to an endpoint (SageMaker's guide, "Serverless endpoint operations" and FAQ)."""
_EVENT_BYTES = 6 * 1024 * 1024
"""Of an event of Lambda."""
_SERVING = ("InService", "Updating", "RollingBack", "SystemUpdating")


class _HttpError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class DataPlane:
    """Endpoints and APIs that answer."""

    def __init__(self, aws: FakeAws) -> None:
        self._aws = aws
        self._runtimes: dict[str, Runtime] = {}
        self._http = httpx.Client(timeout=60)
        self.model_url = ""
        """Where the real model server listens."""
        self.model_fails = False
        """Endpoints answer every request with an error of the container."""
        self.function_log = ""
        """What all functions have written."""

    def close(self) -> None:
        """Stop all processes."""
        self.stop()
        self._http.close()

    def stop(self) -> None:
        """Stop the processes of the functions."""
        for runtime in self._runtimes.values():
            self.function_log += runtime.stop()
        self._runtimes.clear()

    def invoke_endpoint(self, call: Call, body: bytes) -> Answer:
        """Answer InvokeEndpoint from the model server."""
        name = call.params["EndpointName"]
        endpoint = sagemaker_backends[ACCOUNT][call.region].endpoints.get(name)
        if endpoint is None or endpoint.endpoint_status not in _SERVING:
            message = f"Endpoint {name} of account {ACCOUNT} not found."
            raise RefusedError("ValidationError", message)
        _check_size(endpoint, call.region, len(body))
        if self.model_fails:
            return _model_error(500, '{"message": "internal: the model cannot be loaded"}')
        answer = self._http.post(
            f"{self.model_url}/endpoints/{name}/invocations",
            content=body,
            headers={"content-type": call.params.get("ContentType", "application/octet-stream")},
        )
        if answer.status_code != httpx.codes.OK:
            return _model_error(answer.status_code, answer.text)
        variant = endpoint.production_variants[0]["VariantName"]
        headers = {
            "Content-Type": answer.headers["content-type"],
            "x-Amzn-Invoked-Production-Variant": variant,
        }
        return Answer(200, answer.content, headers)

    def call_api(self, environ: Mapping[str, Any], body: bytes) -> Answer:
        """Answer a request to an HTTP API."""
        try:
            return self._call_api(environ, body)
        except _HttpError as error:
            return ok({"message": str(error)}, error.status)
        except RefusedError:
            return ok({"message": "Forbidden"}, 403)

    def _call_api(self, environ: Mapping[str, Any], body: bytes) -> Answer:
        raw_path = environ["RAW_URI"].partition("?")[0]
        api_id, _, path = raw_path.removeprefix(API_PREFIX).partition("/")
        path = f"/{path}"
        region, api = _find_api(api_id)
        if "$default" not in api.stages or not api.stages["$default"].auto_deploy:
            raise _HttpError(404, "Not Found")
        method = environ["REQUEST_METHOD"]
        route = _find_route(api, method, unquote(path))
        event = _event(api_id, route.route_key, environ, path, body)
        arn = f"arn:aws:execute-api:{region}:{ACCOUNT}:{api_id}"
        source = f"{arn}/$default/{method}{path}"
        match route.authorization_type:
            case "NONE" | None:
                pass
            case "AWS_IAM":
                check_signature(environ, body, "execute-api", region)
                self._aws.invoked.add(Permission("execute-api:Invoke", source))
            case "CUSTOM":
                self._authorize(api, route, region, event, arn)
            case "JWT":
                raise _HttpError(401, "Unauthorized")  # no issuer is known here
        integration = api.integrations[route.target.removeprefix("integrations/")]
        if len(json.dumps(event, ensure_ascii=False).encode()) > _EVENT_BYTES:
            raise _HttpError(413, "Request Entity Too Large")
        result = self._invoke(integration.integration_uri, region, event, source)
        return _as_response(result)

    def _authorize(
        self, api: Any, route: Any, region: str, event: dict[str, Any], arn: str
    ) -> None:
        authorizer = api.authorizers[route.authorizer_id]
        source: list[str] = []
        for each in authorizer.identity_source:
            value = event["headers"].get(each.removeprefix("$request.header.").lower())
            if value is None:
                raise _HttpError(401, "Unauthorized")
            source.append(value)
        asked = event | {"type": "REQUEST", "identitySource": source, "routeArn": arn}
        result = self._invoke(
            authorizer.authorizer_uri, region, asked, f"{arn}/authorizers/{route.authorizer_id}"
        )
        if result.get("isAuthorized") is not True:
            raise _HttpError(403, "Forbidden")

    def _invoke(self, uri: str, region: str, event: dict[str, Any], source: str) -> dict[str, Any]:
        """Run a function for an API, if the function's own policy lets that API call it."""
        found = re.search(r"function:([A-Za-z0-9_-]+)", uri)
        function = functions(region).get(found[1]) if found else None
        if function is None or not _lets_in(function, source):
            raise _HttpError(500, "Internal Server Error")
        name = function.function_name
        key = f"{name} {function.code_sha_256} {sorted(function.environment_vars.items())}"
        if key not in self._runtimes:
            self._runtimes[key] = Runtime(function, region=region, endpoint_url=self._aws.url)
        result = self._runtimes[key].invoke(event)
        write_log(region, f"/aws/lambda/{name}", ("START", "END"))
        if result is None:
            raise _HttpError(500, "Internal Server Error")
        return result


def _check_size(endpoint: Any, region: str, size: int) -> None:
    """In the words of amazon-sagemaker-examples#245 and sagemaker-python-sdk#4271."""
    config: Any = sagemaker_backends[ACCOUNT][region].endpoint_configs[
        endpoint.endpoint_config_name
    ]
    if "ServerlessConfig" in config.asked["ProductionVariants"][0]:
        if size > _SERVERLESS_BYTES:
            message = f"Request {uuid.uuid4()} has oversize body."
            raise RefusedError("ValidationError", message)
    elif size > _REAL_TIME_BYTES:
        message = f"HTTP content length exceeded {_REAL_TIME_BYTES} bytes."
        raise RefusedError("413", message, 413)


def _model_error(status: int, message: str) -> Answer:
    document = {
        "Message": f'Received error ({status}) from primary with message "{message}".',
        "OriginalStatusCode": status,
        "OriginalMessage": message,
        "LogStreamArn": "",
    }
    headers = {"Content-Type": "application/json", "x-amzn-errortype": "ModelError"}
    return Answer(424, json.dumps(document).encode(), headers)


def _find_api(api_id: str) -> tuple[str, Any]:
    for region in REGIONS:
        api = apigatewayv2_backends[ACCOUNT][region].apis.get(api_id)
        if api is not None:
            return region, api
    raise _HttpError(404, "Not Found")


def _find_route(api: Any, method: str, path: str) -> Any:
    """The most special route, as docs.aws.amazon.com/apigateway/…/http-api-develop-routes.html."""
    routes = {route.route_key: route for route in api.routes.values()}
    for key in (
        f"{method} {path}",
        f"ANY {path}",
        f"{method} /{{proxy+}}",
        "ANY /{proxy+}",
        "$default",
    ):
        if key in routes:
            return routes[key]
    raise _HttpError(404, "Not Found")


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    found = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    if environ.get("CONTENT_TYPE"):
        found["content-type"] = environ["CONTENT_TYPE"]
    return found


def _event(
    api_id: str, route: str, environ: Mapping[str, Any], path: str, body: bytes
) -> dict[str, Any]:
    """An event of payload format 2.0."""
    method, headers = environ["REQUEST_METHOD"], _headers(environ)
    try:
        text, encoded = body.decode(), False
    except UnicodeDecodeError:
        text, encoded = base64.b64encode(body).decode(), True
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": environ["QUERY_STRING"],
        "headers": headers,
        "body": text,
        "isBase64Encoded": encoded,
        "requestContext": {
            "apiId": api_id,
            "requestId": str(uuid.uuid4()),
            "stage": "$default",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": headers.get("user-agent", ""),
            },
            "routeKey": route,
            "timeEpoch": int(time.time() * 1000),
        },
    }


def check_signature(environ: Mapping[str, Any], body: bytes, service: str, region: str) -> None:
    """Raise RefusedError unless the user, or a function, has signed a request."""
    try:
        verify(
            environ["REQUEST_METHOD"],
            environ["RAW_URI"],
            _headers(environ).items(),
            body,
            FUNCTION
            if FUNCTION.access_key in environ.get("HTTP_AUTHORIZATION", "")
            and service == "sagemaker"
            else Credentials(USER, USER_SECRET),
            scope=Scope(region, service),
            time_s=time.time(),
        )
    except SignatureError as error:
        raise RefusedError("InvalidSignatureException", error.message, 403) from None


def _lets_in(function: Any, source: str) -> bool:
    for statement in function.policy.statements if function.policy else []:
        pattern = statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn", "")
        wild = re.escape(pattern).replace(r"\*", ".*")
        if "apigateway.amazonaws.com" in str(statement["Principal"]) and re.fullmatch(wild, source):
            return True
    return False


def _as_response(result: dict[str, Any]) -> Answer:
    if "statusCode" not in result:
        return ok(result)
    body = str(result.get("body", ""))
    content = base64.b64decode(body) if result.get("isBase64Encoded") else body.encode()
    return Answer(int(result["statusCode"]), content, dict(result.get("headers", {})))
