"""Write what a deployment would make as a template, instead of making it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from newsclf.common.errors import ConfigError
from newsclf.deploy.aws.api.resources import api_resources, desired_api
from newsclf.deploy.aws.bucket import Archive, key_of
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.export import cloudformation, terraform
from newsclf.deploy.aws.export.elements import ACCOUNT, KEY_PARAMETER, code_name, elements_of
from newsclf.deploy.aws.resources import endpoint_resources
from newsclf.deploy.package.build import Package
from newsclf.deploy.records import ApiRequest, AwsSpec

Form = Literal["cloudformation", "terraform"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateRequest:
    """A deployment to write as a template."""

    form: Form
    name: str
    package: Package
    spec: AwsSpec
    api: ApiRequest | None = None
    """None: without an API."""


@dataclass(frozen=True, slots=True)
class Template:
    """A template, and what is needed beside it."""

    document: Mapping[str, Any]
    code: Mapping[str, bytes]
    """File name → archive of a function's code, expected beside the template."""
    missing: Sequence[str]
    """What the template does not hold and must be there before it is used, as commands."""


def template(clients: Clients, request: TemplateRequest) -> Template:
    """The template of a deployment in the clients' region; nothing is called.

    Its roles, policies and settings are those of the resources that deploy and wire-api create.

    Raises:
        ConfigError: It is not possible like that.
    """
    if request.spec.ttl_s is not None:
        raise ConfigError(
            "--ttl counts from a deployment, and a template may be used at any time",
            hint="leave it out, and delete the stack in time",
        )
    names = Names(request.name, ACCOUNT, clients.region, request.spec.rules)
    scope = Scope(clients, names)
    archive = Archive(request.package.path, request.package.sha256)
    resources = list(endpoint_resources(scope, request.spec, archive))
    if request.api is not None:
        api = desired_api(request.api, None)
        if api.auth == "api-key":
            api = replace(api, key_sha256="${" + KEY_PARAMETER + "}")
        resources += api_resources(scope, api, request.package.contents.model_digest)
    elements = elements_of(scope, resources)
    code = {code_name(each): each.code for each in elements if each.code is not None}
    write = cloudformation.document if request.form == "cloudformation" else terraform.document
    bucket = names.bucket.replace(ACCOUNT, "ACCOUNT")
    packed = shlex.quote(str(request.package.source))
    gpu = "--gpu " if request.package.contents.is_for_gpu else ""
    is_archive = request.package.source.is_file()
    uploads = [(packed if is_archive else "model.tar.gz", key_of(names, archive))]
    if request.form == "cloudformation":
        keys = [cloudformation.code_key(names, each) for each in elements if each.code is not None]
        uploads += list(zip(code, keys, strict=True))
    return Template(
        write(names, elements),
        code,
        [
            f"aws s3 mb s3://{bucket} --region {names.region}",
            *([] if is_archive else [f"newsclf package {gpu}{packed} --out model.tar.gz"]),
            *(f"aws s3 cp {path} s3://{bucket}/{key}" for path, key in uploads),
        ],
    )
