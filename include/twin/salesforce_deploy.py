"""The twin's Metadata API, as far as a deployment goes: a package is checked for what it says it holds."""

import base64
import binascii
import io
import zipfile
from xml.sax.saxutils import escape

from lxml import etree
from starlette.requests import Request
from starlette.responses import Response

from include.twin.salesforce_org import org_of

_METADATA = "http://soap.sforce.com/2006/04/metadata"
_FILES = {"CustomObject": "objects/{}.object", "PermissionSet": "permissionsets/{}.permissionset"}
_PARTS = {"CustomField": "fields", "ValidationRule": "validationRules"}
"""What is named with its object, and its place there."""

_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    f'xmlns="{_METADATA}"><soapenv:Body>{{}}</soapenv:Body></soapenv:Envelope>'
)


async def metadata(request: Request) -> Response:
    """Deploy and checkDeployStatus."""
    org, body = org_of(request), etree.fromstring(await request.body())
    packed = body.findtext(f".//{{{_METADATA}}}ZipFile") or body.findtext(f".//{{{_METADATA}}}zipFile")
    if packed is not None:
        native_id = f"0Af5g{next(org.locators):010d}AAA"
        org.jobs[native_id] = _checked(packed)
        result = f"<id>{native_id}</id><done>false</done><state>Queued</state>"
        return _reply(f"<deployResponse><result>{result}</result></deployResponse>")
    asked = body.findtext(f".//{{{_METADATA}}}asyncProcessId") or ""
    components, problems = org.jobs.get(asked, (0, [("", "no such deployment")]))
    failures = "".join(
        f"<componentFailures><fileName>{escape(file)}</fileName><problem>{escape(problem)}</problem>"
        "<problemType>Error</problemType></componentFailures>"
        for file, problem in problems
    )
    result = (
        f"<done>true</done><status>{'Failed' if problems else 'Succeeded'}</status>"
        f"<numberComponentsTotal>{components}</numberComponentsTotal>"
        f"<numberComponentErrors>{len(problems)}</numberComponentErrors>"
        f"<numberComponentsDeployed>{0 if problems else components}</numberComponentsDeployed>"
        f"<details>{failures}</details>"
    )
    return _reply(f"<checkDeployStatusResponse><result>{result}</result></checkDeployStatusResponse>")


def _checked(packed: str) -> tuple[int, list[tuple[str, str]]]:
    """How many components a package names, and what is wrong with it: (file, problem)."""
    try:
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(packed))) as archive:
            files = {name: etree.fromstring(archive.read(name)) for name in archive.namelist()}
    except (binascii.Error, zipfile.BadZipFile, etree.XMLSyntaxError) as broken:
        return 0, [("package", f"cannot be read: {type(broken).__name__}")]
    if "package.xml" not in files:
        return 0, [("package.xml", "No package.xml found")]
    named = [
        (types.findtext(f"{{{_METADATA}}}name") or "", member.text or "")
        for types in files["package.xml"].findall(f"{{{_METADATA}}}types")
        for member in types.findall(f"{{{_METADATA}}}members")
    ]
    problems = [problem for kind, name in named for problem in _problems(files, kind, name)]
    return len(named), problems


def _problems(files: dict[str, etree._Element], kind: str, name: str) -> list[tuple[str, str]]:
    sobject, _, field = name.partition(".")
    part = _PARTS.get(kind)
    path = f"objects/{sobject}.object" if part else _FILES.get(kind, "{}").format(name)
    if path not in files:
        return [(path, f"named in package.xml, but not in the package: {name}")]
    names = {
        found.text for found in files[path].iterfind(f".//{{{_METADATA}}}{part}/{{{_METADATA}}}fullName")
    }
    return [(path, f"no such part: {name}")] if field and field not in names else []


def _reply(body: str) -> Response:
    return Response(_ENVELOPE.format(body), media_type="text/xml")
