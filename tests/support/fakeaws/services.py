"""Lambda, API Gateway and other services where moto is too lenient or lacks them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from moto.apigatewayv2.models import apigatewayv2_backends
from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.awslambda.utils import get_backend as lambda_backends
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.core.utils import get_service_model
from moto.logs.models import logs_backends
from moto.resourcegroupstaggingapi.models import resourcegroupstaggingapi_backends
from moto.sagemaker.models import sagemaker_backends

from newsclf.deploy.aws.call.names import TAG
from tests.support.fakeaws.answers import Answer, RefusedError, ok
from tests.support.fakeaws.price_list import product
from tests.support.fakeaws.requests import Call
from tests.support.fakeaws.roles import trusts
from tests.support.fakeaws.serverless import SERVERLESS_QUOTAS

_QUOTA_PAGE = 100
_TOO_NEW = (
    "The role defined for the function cannot be assumed by Lambda.",
    "the KMS key is invalid for CreateGrant: ARN does not refer to a valid principal",
)
"""What Lambda says of a role that is not known everywhere yet."""


@dataclass
class Services:
    """State that moto does not keep, and what a test wants to happen."""

    polls: int = 1
    """How many times a new function is still Pending."""
    quotas: dict[str, float] = field(default_factory=dict)
    """Name of a SageMaker quota → its value, where it is not 4 or what new accounts have."""
    unlisted: frozenset[str] = frozenset()
    """Quotas that Service Quotas does not tell."""
    forbidden: frozenset[str] = frozenset()
    """What IAM's simulator says no to."""
    caller: str | None = None
    """The ARN that the credentials are of, where it is not a user's."""
    pending: dict[str, int] = field(default_factory=dict)
    subscribers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Name of a budget → its notifications with whom they go to."""
    training_usd: dict[str, str] = field(default_factory=lambda: {"ml.m5.xlarge": "0.2300000000"})
    """Instance → what an hour of training costs, as AWS writes it; a batch job costs the same."""
    taken: int = 0
    """How many CreateBucket are still told that a bucket of that name is being deleted."""
    unregistered: int = 0
    """How many PutScalingPolicy are still told that there is no scalable target."""
    unassumable: int = 0
    """How many CreateFunction are still told that the role can't be assumed."""
    tags_lag: bool = True
    """The tagging API goes on listing what was deleted, as it does for up to hours (aws-cli#8197,
    boto3#3341)."""
    concurrency: int = 1000
    """Requests that all functions of the account may work on at once; a new account has 10."""
    demanded_tag: str | None = None
    """The key of a tag without which an organisation lets nothing be made that can be tagged."""
    demanded_boundary: str | None = None
    """The permissions boundary without which it lets no role be made."""
    ghosts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """ARN → tags of all that carried tags when something was deleted."""

    def remember(self, region: str) -> None:
        """Remember the tagged resources before one of them is deleted."""
        backend = resourcegroupstaggingapi_backends[ACCOUNT][region]
        _, found = backend.get_resources(
            resources_per_page=1000, tags_per_page=10_000, tag_filters=[{"Key": TAG}]
        )
        self.ghosts |= {
            each.arn: [{"Key": k, "Value": v} for k, v in each.tags.items()] for each in found
        }

    def check_organisation(self, call: Call) -> None:
        """Raise RefusedError for what a service control policy of the organisation denies."""
        keys = _tags_of(call)
        tagged = keys is None or self.demanded_tag is None or self.demanded_tag in keys
        unbounded = self.demanded_boundary is not None and call.operation == "CreateRole"
        if not tagged or (
            unbounded and call.params.get("PermissionsBoundary") != self.demanded_boundary
        ):
            raise RefusedError(
                "AccessDenied" if call.service in ("iam", "s3") else "AccessDeniedException",
                "User: arn:aws:iam::123456789012:user/me is not authorized to perform:"
                f" {call.service}:{call.operation} with an explicit deny in a service control"
                " policy",
                403,
            )

    def before(self, call: Call) -> Answer | None:
        """The answer in place of moto's, or None; raises RefusedError."""
        handler = getattr(self, f"_{call.service.replace('-', '_')}_{call.operation}", None)
        return None if handler is None else handler(call)

    def after(self, call: Call, answer: Answer, url: str) -> Answer:
        """Correct moto's answer."""
        if call.service == "apigatewayv2" and b"apiEndpoint" in answer.body:
            document = answer.document
            for api in [document, *document.get("items", [])]:
                if "apiEndpoint" in api:
                    api["apiEndpoint"] = f"{url}/-api/{api['apiId']}"
            return answer.with_document(document)
        if call.service == "resourcegroupstaggingapi" and call.operation == "GetResources":
            document = _with_apis(call, answer.document)
            if self.tags_lag:
                document = _with_ghosts(call, document, self.ghosts)
            return answer.with_document(document)
        if call.operation == "CreateBudget":
            name = call.params["Budget"]["BudgetName"]
            self.subscribers[name] = call.params["NotificationsWithSubscribers"]
        if call.service == "lambda" and call.operation == "CreateFunction":
            self.pending[call.params["FunctionName"]] = self.polls
        if call.service == "lambda" and "State" in str(answer.body[:4000]):
            return self._function(call, answer)
        return answer

    def _function(self, call: Call, answer: Answer) -> Answer:
        document = answer.document
        configuration = document.get("Configuration", document)
        name = configuration.get("FunctionName")
        left = self.pending.get(name, 0)
        if left > 0:
            configuration["State"] = "Pending"
            if call.operation.startswith("GetFunction"):
                self.pending[name] = left - 1
            return answer.with_document(document)
        return answer

    def _s3_CreateBucket(self, _: Call) -> None:
        if self.taken:
            self.taken -= 1
            message = "A conflicting conditional operation is currently in progress against this"
            raise RefusedError("OperationAborted", f"{message} resource. Please try again.", 409)

    def _sts_GetCallerIdentity(self, _: Call) -> Answer | None:
        if self.caller is None:
            return None
        body = (
            "<GetCallerIdentityResponse><GetCallerIdentityResult>"
            f"<Arn>{self.caller}</Arn><UserId>AROA</UserId><Account>{ACCOUNT}</Account>"
            "</GetCallerIdentityResult></GetCallerIdentityResponse>"
        )
        return Answer(200, body.encode(), {"Content-Type": "text/xml"})

    def _iam_SimulatePrincipalPolicy(self, call: Call) -> Answer:
        results = "".join(
            f"<member><EvalActionName>{action}</EvalActionName><EvalDecision>"
            f"{'implicitDeny' if action in self.forbidden else 'allowed'}</EvalDecision></member>"
            for action in call.params["ActionNames"]
        )
        body = (
            "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><IsTruncated>false"
            f"</IsTruncated><EvaluationResults>{results}</EvaluationResults>"
            "</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
        )
        return Answer(200, body.encode(), {"Content-Type": "text/xml"})

    def _lambda_CreateFunction(self, call: Call) -> None:
        if self.unassumable or not trusts(call.params["Role"], "lambda.amazonaws.com"):
            self.unassumable = max(0, self.unassumable - 1)
            raise RefusedError(
                "InvalidParameterValueException", _TOO_NEW[self.unassumable % len(_TOO_NEW)]
            )
        if call.params["FunctionName"] in functions(call.region):
            name = call.params["FunctionName"]
            raise RefusedError("ResourceConflictException", f"Function already exist: {name}", 409)

    def _lambda_GetAccountSettings(self, call: Call) -> Answer:
        reserved = [_reserved(each) for each in functions(call.region).values()]
        limit = {
            "TotalCodeSize": 0,
            "CodeSizeUnzipped": 0,
            "CodeSizeZipped": 0,
            "ConcurrentExecutions": self.concurrency,
            "UnreservedConcurrentExecutions": self.concurrency - sum(reserved),
        }
        return ok({"AccountLimit": limit, "AccountUsage": {}})

    def _lambda_PutFunctionConcurrency(self, call: Call) -> None:
        """As new accounts are told: fhir-works#691, one-observability-demo#278."""
        name, wanted = call.params["FunctionName"], call.params["ReservedConcurrentExecutions"]
        others = [_reserved(f) for n, f in functions(call.region).items() if n != name]
        least = min(100, self.concurrency)
        if self.concurrency - sum(others) - wanted < least:
            raise RefusedError(
                "InvalidParameterValueException",
                "Specified ReservedConcurrentExecutions for function decreases account's"
                f" UnreservedConcurrentExecution below its minimum value of [{least}].",
            )

    def _lambda_AddPermission(self, call: Call) -> None:
        function = functions(call.region).get(call.params["FunctionName"])
        statements = function.policy.statements if function and function.policy else []
        sid = call.params["StatementId"]
        if any(each["Sid"] == sid for each in statements):
            message = f"The statement id ({sid}) provided already exists."
            raise RefusedError("ResourceConflictException", message, 409)

    def _apigatewayv2_CreateRoute(self, call: Call) -> None:
        api = api_of(call)
        key = call.params["RouteKey"]
        if any(route.route_key == key for route in api.routes.values()):
            message = f"Route with key {key} already exists for this API"
            raise RefusedError("ConflictException", message, 409)
        self._apigatewayv2_UpdateRoute(call)

    def _apigatewayv2_UpdateRoute(self, call: Call) -> None:
        api, p = api_of(call), call.params
        if "Target" in p and p["Target"].removeprefix("integrations/") not in api.integrations:
            raise RefusedError("BadRequestException", f"Invalid target {p['Target']}")
        if p.get("AuthorizerId") == "" and "RouteId" in p:  # which moto takes for not given
            api.routes[p["RouteId"]].authorizer_id = None
        elif "AuthorizerId" in p and p["AuthorizerId"] not in api.authorizers:
            raise RefusedError("BadRequestException", "Invalid authorizer")
        if p.get("AuthorizationType") in ("JWT", "CUSTOM") and "AuthorizerId" not in p:
            raise RefusedError("BadRequestException", "An authorizer is needed")

    def _apigatewayv2_DeleteIntegration(self, call: Call) -> None:
        target = f"integrations/{call.params['IntegrationId']}"
        if any(route.target == target for route in api_of(call).routes.values()):
            raise RefusedError("ConflictException", "The integration is used by a route", 409)

    def _apigatewayv2_DeleteAuthorizer(self, call: Call) -> None:
        used = [route.authorizer_id for route in api_of(call).routes.values()]
        if call.params["AuthorizerId"] in used:
            raise RefusedError("ConflictException", "The authorizer is used by a route", 409)

    def _apigatewayv2_GetAuthorizers(self, call: Call) -> Answer:
        return ok({"items": [a.to_json() for a in api_of(call).authorizers.values()]})

    def _apigatewayv2_CreateAuthorizer(self, call: Call) -> None:
        if any(a.name == call.params["Name"] for a in api_of(call).authorizers.values()):
            raise RefusedError("BadRequestException", "The authorizer's name is taken")

    def _apigatewayv2_CreateStage(self, call: Call) -> None:
        if call.params["StageName"] in api_of(call).stages:
            raise RefusedError("ConflictException", "Stage already exists", 409)
        _check_access_log(call)

    def _apigatewayv2_UpdateStage(self, call: Call) -> Answer:
        stage = api_of(call).stages.get(call.params["StageName"])
        if stage is None:
            raise RefusedError("NotFoundException", "Unable to find Stage", 404)
        _check_access_log(call)
        for param, attribute in (
            ("DefaultRouteSettings", "default_route_settings"),
            ("AccessLogSettings", "access_log_settings"),
        ):
            if param in call.params:
                lower = {k[0].lower() + k[1:]: v for k, v in call.params[param].items()}
                setattr(stage, attribute, lower)
        if "AutoDeploy" in call.params:
            stage.auto_deploy = call.params["AutoDeploy"]
        return ok(stage.to_json())

    def _service_quotas_ListServiceQuotas(self, call: Call) -> Answer:
        quotas = [self._quota(name) for name in _quota_names() if name not in self.unlisted]
        start = int(call.params.get("NextToken", 0))
        end = start + _QUOTA_PAGE
        more = {"NextToken": str(end)} if end < len(quotas) else {}
        return ok({"Quotas": quotas[start:end], **more})

    _service_quotas_ListAWSDefaultServiceQuotas = _service_quotas_ListServiceQuotas

    def _service_quotas_GetServiceQuota(self, call: Call) -> Answer:
        for name in _quota_names():
            if _code(name) == call.params["QuotaCode"]:
                return ok({"Quota": self._quota(name)})
        raise RefusedError("NoSuchResourceException", "There is no such quota")

    def _pricing_GetProducts(self, call: Call) -> Answer:
        wanted = {each["Field"]: each["Value"] for each in call.params["Filters"]}
        usd = self.training_usd.get(wanted.get("instanceName", ""))
        if usd is None:
            return ok({"PriceList": []})
        prices = [
            product(
                "AmazonSageMaker",
                wanted["regionCode"],
                f"USE1-{kind}:{wanted['instanceName']}",
                ("0", usd),
                instanceName=wanted["instanceName"],
                component=component,
            )
            for kind, component in (("Train", "Training"), ("Tsform", "Batch Transform"))
        ]
        return ok({"PriceList": [json.dumps(price) for price in prices]})

    def _application_autoscaling_RegisterScalableTarget(self, call: Call) -> None:
        """As users have found: terraform-aws-modules/terraform-aws-rds-aurora#420."""
        targets = applicationautoscaling_backends[ACCOUNT][call.region].targets.values()
        if call.params.get("Tags") and any(call.params["ResourceId"] in each for each in targets):
            raise RefusedError(
                "ValidationException",
                "The scalable target that you tried to tag already exists. To update tags on an"
                " existing scalable target, use the TagResource API.",
            )

    def _application_autoscaling_PutScalingPolicy(self, call: Call) -> None:
        if self.unregistered:
            self.unregistered -= 1
            message = f"No scalable target registered for {call.params['ResourceId']}"
            raise RefusedError("ObjectNotFoundException", message)

    def _application_autoscaling_DeleteScalingPolicy(self, call: Call) -> None:
        """Moto has another error for what is not there."""
        policies = applicationautoscaling_backends[ACCOUNT][call.region].policies.values()
        wanted = (call.params["PolicyName"], call.params["ResourceId"])
        if wanted not in [(p.policy_name, p.resource_id) for p in policies]:
            message = f"No scaling policy found for policy name: {wanted[0]}"
            raise RefusedError("ObjectNotFoundException", message)

    def _budgets_DescribeSubscribersForNotification(self, call: Call) -> Answer:
        wanted = call.params["Notification"]
        for each in self.subscribers.get(call.params["BudgetName"], []):
            if each["Notification"] == wanted:
                return ok({"Subscribers": each["Subscribers"]})
        raise RefusedError("NotFoundException", "Notification not found")

    def _quota(self, name: str) -> dict[str, Any]:
        return {
            "ServiceCode": "sagemaker",
            "QuotaName": name,
            "QuotaCode": _code(name),
            "Value": self.quotas.get(name, SERVERLESS_QUOTAS.get(name, 4.0)),
            "Adjustable": True,
            **({} if name in SERVERLESS_QUOTAS else {"UsageMetric": usage_metric(name)}),
        }


_MADE = {
    "iam:CreateRole",
    "s3:CreateBucket",
    "sagemaker:CreateModel",
    "sagemaker:CreateEndpointConfig",
    "sagemaker:CreateEndpoint",
    "sagemaker:CreateTransformJob",
    "sagemaker:CreateTrainingJob",
    "sagemaker:CreateInferenceRecommendationsJob",
    "logs:CreateLogGroup",
    "lambda:CreateFunction",
    "apigatewayv2:CreateApi",
    "budgets:CreateBudget",
    "cloudwatch:PutMetricAlarm",
}
"""What makes something that carries tags from its first moment."""


def _tags_of(call: Call) -> set[str] | None:
    """The keys of the tags that something is made with; None if nothing is made by the call."""
    if f"{call.service}:{call.operation}" not in _MADE:
        return None
    bucket = call.params.get("CreateBucketConfiguration", {}).get("Tags")
    tags = call.params.get("Tags") or call.params.get("tags") or call.params.get("ResourceTags")
    found = tags or bucket or []
    return set(found) if isinstance(found, dict) else {each["Key"] for each in found}


def functions(region: str) -> dict[str, Any]:
    """Lambda functions by name."""
    backend = lambda_backends(ACCOUNT, region)
    return {f.function_name: f for f in backend.list_functions(func_version=None)}


def _reserved(function: Any) -> int:
    return int(function.reserved_concurrency or 0)


def api_of(call: Call) -> Any:
    """The API that a call is about."""
    apis = apigatewayv2_backends[ACCOUNT][call.region].apis
    api = apis.get(call.params["ApiId"])
    if api is None:
        raise RefusedError("NotFoundException", "Invalid API identifier specified", 404)
    return api


def _check_access_log(call: Call) -> None:
    """The log group of an access log must be there, and a line of it must tell the request."""
    settings = call.params.get("AccessLogSettings")
    if settings is None:
        return
    group = settings["DestinationArn"].partition(":log-group:")[2].removesuffix(":*")
    if group not in logs_backends[ACCOUNT][call.region].groups:
        raise RefusedError("BadRequestException", f"There is no log group {group}")
    if (
        "$context.requestId" not in settings["Format"]
        and "$context.extendedRequestId" not in settings["Format"]
    ):
        raise RefusedError(
            "BadRequestException", "Access log format must contain $context.requestId"
        )


def _with_apis(call: Call, document: dict[str, Any]) -> dict[str, Any]:
    """APIs too can be found by their tags; moto does not list them."""
    types = call.params.get("ResourceTypeFilters", [])
    if types and not any(each.startswith("apigateway") for each in types):
        return document
    wanted = call.params.get("TagFilters", [])
    for api in apigatewayv2_backends[ACCOUNT][call.region].apis.values():
        tags = apigatewayv2_backends[ACCOUNT][call.region].get_tags(api.arn)
        if all(
            f["Key"] in tags and (not f.get("Values") or tags[f["Key"]] in f["Values"])
            for f in wanted
        ):
            document["ResourceTagMappingList"].append(
                {
                    "ResourceARN": f"arn:aws:apigateway:{call.region}::/apis/{api.api_id}",
                    "Tags": [{"Key": k, "Value": v} for k, v in tags.items()],
                }
            )
    for job in sagemaker_backends[ACCOUNT][call.region].transform_jobs.values():
        arn, tags = job.arn, job.tags
        if arn not in [each["ResourceARN"] for each in document["ResourceTagMappingList"]]:
            document["ResourceTagMappingList"].append({"ResourceARN": arn, "Tags": tags})
    return document


def _with_ghosts(
    call: Call, document: dict[str, Any], ghosts: dict[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    """Keep deleted resources in the list for a while."""
    listed = {each["ResourceARN"] for each in document["ResourceTagMappingList"]}
    (wanted,) = call.params["TagFilters"]
    for arn, tags in ghosts.items():
        values = [tag["Value"] for tag in tags if tag["Key"] == wanted["Key"]]
        matches = values and (not wanted.get("Values") or values[0] in wanted["Values"])
        if matches and arn not in listed and f":{call.region}:" in arn:
            document["ResourceTagMappingList"].append({"ResourceARN": arn, "Tags": tags})
    return document


def usage_metric(quota: str) -> dict[str, Any]:
    """CloudWatch metric of the usage of a quota."""
    return {
        "MetricNamespace": "AWS/Usage",
        "MetricName": "ResourceCount",
        "MetricDimensions": {
            "Class": "None",
            "Resource": f"endpoint/{quota.partition(' ')[0]}",
            "Service": "SageMaker",
            "Type": "Resource",
        },
        "MetricStatisticRecommendation": "Maximum",
    }


def _quota_names() -> list[str]:
    shape: Any = get_service_model("sagemaker").shape_for("ProductionVariantInstanceType")
    usages = (
        "endpoint usage",
        "training job usage",
        "spot training job usage",
        "transform job usage",
    )
    return [f"{instance} for {usage}" for usage in usages for instance in shape.enum] + [
        *SERVERLESS_QUOTAS
    ]


def _code(name: str) -> str:
    return f"L-{hashlib.sha256(name.encode()).hexdigest()[:8].upper()}"
