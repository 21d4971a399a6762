"""The elements of a template, from the same resources that deploy and wire-api create.

Each is written as CloudFormation has it. What is known only when the template is used stands as a
reference in the text, as CloudFormation writes it: `${AWS::AccountId}`, `${HttpApi}` for the id of
the API, `${ApiKeySha256}` for a parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from newsclf.deploy.aws.api.authorizer import Authorizer
from newsclf.deploy.aws.api.function import ARCHITECTURE, Function
from newsclf.deploy.aws.api.function_code import code_sha256
from newsclf.deploy.aws.api.function_permission import ACTION, PRINCIPAL, FunctionPermission
from newsclf.deploy.aws.api.http_api import HttpApi
from newsclf.deploy.aws.api.routes import ROUTES, Integration, Routes
from newsclf.deploy.aws.api.stage import Stage
from newsclf.deploy.aws.bucket import Bucket, ModelArchive
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.endpoint.alarms import ErrorAlarm
from newsclf.deploy.aws.endpoint.autoscaling import AutoScaling
from newsclf.deploy.aws.endpoint.budget import Budget
from newsclf.deploy.aws.endpoint.config import EndpointConfig
from newsclf.deploy.aws.endpoint.endpoint import Endpoint
from newsclf.deploy.aws.endpoint.model import Model
from newsclf.deploy.aws.endpoint.rollout import rollback_on
from newsclf.deploy.aws.iam.role import POLICY, Role
from newsclf.deploy.aws.log_group import KEPT_DAYS, LogGroup
from newsclf.deploy.aws.walk.resource import Resource

ACCOUNT: Final = "${AWS::AccountId}"
"""The account in which the template is used."""
KEY_PARAMETER: Final = "ApiKeySha256"
"""Name of the parameter that holds the hash of the API's key."""
_NOT_IN_TEMPLATE = (Bucket, ModelArchive)
"""The bucket is shared by all deployments, and must hold the archive before there is a model."""


@dataclass(frozen=True, slots=True)
class Element:
    """One resource of a template."""

    id: str
    """Unique in the template: `ExecutionRole`."""
    type: str
    """CloudFormation's type: `AWS::IAM::Role`."""
    properties: Mapping[str, Any]
    """As CloudFormation takes them."""
    code: bytes | None = None
    """The archive of a function."""


def elements_of(scope: Scope, resources: Sequence[Resource]) -> Sequence[Element]:
    """The elements for resources in their desired state, in the order of creation.

    Args:
        scope: Names in the account `ACCOUNT`; it is told the references to what only AWS names.
        resources: What deploy and wire-api would create.
    """
    for each in resources:
        if isinstance(each, HttpApi):
            scope.remember((each.kind, each.name), [{"ApiId": "${HttpApi}", "ApiEndpoint": ""}])
        elif isinstance(each, Integration):
            scope.remember((each.kind, each.name), {"IntegrationId": "${Integration}"})
        elif isinstance(each, Authorizer):
            scope.remember((each.kind, each.name), {"AuthorizerId": "${Authorizer}"})
    return [
        element
        for each in resources
        if not isinstance(each, _NOT_IN_TEMPLATE)
        for element in _ELEMENTS[type(each)](each)
    ]


def code_name(element: Element) -> str:
    """File name of a function's code, which changes with its content."""
    if element.code is None:
        raise AssertionError  # it is no function
    digest = code_sha256(element.code)
    return f"{element.id}-{''.join(filter(str.isalnum, digest))[:12]}.zip"


def _log_group(group: LogGroup) -> Iterator[Element]:
    properties = {"LogGroupName": group.name, "RetentionInDays": KEPT_DAYS, "Tags": _tags(group)}
    yield Element(_id(group.kind), "AWS::Logs::LogGroup", properties)


def _role(role: Role) -> Iterator[Element]:
    boundary = role.names.rules.permissions_boundary
    properties = {
        "RoleName": role.name,
        "Description": f"newsclf deployment {role.names.deployment}",
        "AssumeRolePolicyDocument": role.trust,
        "Policies": [{"PolicyName": POLICY, "PolicyDocument": role.policy}],
        **({"PermissionsBoundary": boundary} if boundary else {}),
        "Tags": _tags(role),
    }
    yield Element(_id(role.kind), "AWS::IAM::Role", properties)


def _model(model: Model) -> Iterator[Element]:
    properties = {"ModelName": model.name, **(model.definition or {}), "Tags": _tags(model)}
    yield Element("Model", "AWS::SageMaker::Model", properties)


def _config(config: EndpointConfig) -> Iterator[Element]:
    name = {"EndpointConfigName": config.name}
    properties = {**name, **(config.definition or {}), "Tags": _tags(config)}
    yield Element("EndpointConfiguration", "AWS::SageMaker::EndpointConfig", properties)


def _alarm(alarm: ErrorAlarm) -> Iterator[Element]:
    properties = {"AlarmName": alarm.name, **alarm.definition, "Tags": _tags(alarm)}
    yield Element("ErrorAlarm", "AWS::CloudWatch::Alarm", properties)


def _endpoint(endpoint: Endpoint) -> Iterator[Element]:
    desired = endpoint.desired
    if desired is None:
        raise AssertionError  # made for a teardown
    properties: dict[str, Any] = {
        "EndpointName": endpoint.name,
        "EndpointConfigName": desired.config,
    }
    if desired.alarm is not None:
        properties["DeploymentConfig"] = rollback_on(desired.alarm.name)
        if desired.instances is None:  # an update keeps as many as the load needs
            properties["RetainAllVariantProperties"] = True
    yield Element("Endpoint", "AWS::SageMaker::Endpoint", properties | {"Tags": _tags(endpoint)})


def _scaling(scaling: AutoScaling) -> Iterator[Element]:
    target = "AWS::ApplicationAutoScaling::ScalableTarget"
    yield Element("ScalableTarget", target, {**scaling.identity, **scaling.bounds})
    properties = {
        **scaling.identity,
        "PolicyName": scaling.names.endpoint,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": scaling.tracking,
    }
    yield Element("ScalingPolicy", "AWS::ApplicationAutoScaling::ScalingPolicy", properties)


def _budget(budget: Budget) -> Iterator[Element]:
    yield Element("BudgetAlarm", "AWS::Budgets::Budget", budget.definition)


def _function(function: Function) -> Iterator[Element]:
    spec = function.spec
    reserved = spec.reserved_concurrency
    properties = {
        "FunctionName": function.name,
        **function.configuration,
        "Architectures": [ARCHITECTURE],
        **({} if reserved is None else {"ReservedConcurrentExecutions": reserved}),
        "Tags": _tags(function),
    }
    yield Element(_id(function.kind), "AWS::Lambda::Function", properties, spec.code)


def _api(api: HttpApi) -> Iterator[Element]:
    properties = {
        "Name": api.name,
        "ProtocolType": "HTTP",
        **({"CorsConfiguration": api.cors} if api.cors_origins else {}),
        "Tags": api.names.tags,
    }
    yield Element("HttpApi", "AWS::ApiGatewayV2::Api", properties)


def _permissions(permission: FunctionPermission) -> Iterator[Element]:
    for statement, source in permission.desired.items():
        properties = {
            "FunctionName": permission.name,
            "Principal": PRINCIPAL,
            "Action": ACTION,
            "SourceArn": source,
        }
        name = statement.partition("-")[2].replace("-", " ")
        yield Element(_id(f"permission {name}"), "AWS::Lambda::Permission", properties)


def _integration(integration: Integration) -> Iterator[Element]:
    properties = {**integration.identity, **integration.settings}
    yield Element("Integration", "AWS::ApiGatewayV2::Integration", properties)


def _authorizer(authorizer: Authorizer) -> Iterator[Element]:
    properties = {**authorizer.identity, "Name": authorizer.name, **authorizer.settings}
    yield Element("Authorizer", "AWS::ApiGatewayV2::Authorizer", properties)


def _routes(routes: Routes) -> Iterator[Element]:
    settings = {name: value for name, value in routes.route_settings().items() if value}
    for key in ROUTES:
        words = key.replace("/", "").replace(".", " ")
        properties = {**routes.identity, "RouteKey": key, **settings}
        yield Element(_id(f"route {words}"), "AWS::ApiGatewayV2::Route", properties)


def _stage(stage: Stage) -> Iterator[Element]:
    properties = {**stage.identity, "StageName": stage.name, **stage.settings}
    yield Element("Stage", "AWS::ApiGatewayV2::Stage", properties)


_ELEMENTS: Mapping[type, Callable[[Any], Iterator[Element]]] = {
    LogGroup: _log_group,
    Role: _role,
    Model: _model,
    EndpointConfig: _config,
    ErrorAlarm: _alarm,
    Endpoint: _endpoint,
    AutoScaling: _scaling,
    Budget: _budget,
    Function: _function,
    HttpApi: _api,
    FunctionPermission: _permissions,
    Integration: _integration,
    Authorizer: _authorizer,
    Routes: _routes,
    Stage: _stage,
}


def _id(kind: str) -> str:
    """A kind of resource as an id: `ExecutionRole` for `execution role`."""
    return "".join(word[0].upper() + word[1:].lower() for word in kind.split())


def _tags(resource: Resource) -> list[dict[str, str]]:
    return resource.scope.tag_list
