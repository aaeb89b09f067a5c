"""What is deployed to Salesforce is what the connector reads and writes, and nothing more."""

import io
import shutil
import zipfile
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from lxml import etree
from typer.testing import CliRunner

from include.cli.salesforce import salesforce_app
from include.connectors.salesforce.metadata import FOLDER, deploy, package
from include.connectors.salesforce.refusals import OLDER_TURN
from include.connectors.salesforce.translate import FIELDS, SOBJECTS, TARGETS, TURN, TURN_FIELD, Target
from include.ports import Fatal
from tests.connectors.conftest import KEYS
from tests.connectors.salesforce_org import salesforce_running

NAMESPACE = {"m": "http://soap.sforce.com/2006/04/metadata"}
NOT_GRANTED = {
    # Fields everybody sees who sees the record; Salesforce refuses to deploy a permission for them.
    "Account": {"Id", "Name", "CurrencyIsoCode", "OwnerId", "LastModifiedDate"},
    "Contact": {"Id", "FirstName", "LastName"},
    "Opportunity": {
        "Id",
        "Name",
        "StageName",
        "IsClosed",
        "IsWon",
        "CurrencyIsoCode",
        "CloseDate",
        "OwnerId",
    },
    "OpportunityLineItem": {
        "Id",
        "OpportunityId",
        "ProductCode",
        "Quantity",
        "CurrencyIsoCode",
        "LastModifiedDate",
    },
    "Pricebook2": {"Id", "Name", "IsActive"},
    "Task": {"Subject", "OwnerId", "Priority"},
}
GRANTED_AS = {"Account.BillingCountryCode": "Account.BillingAddress"}


def parsed(name: str) -> Element:
    return etree.parse(FOLDER / name).getroot()  # type: ignore[no-any-return]


def text(element: Element, name: str) -> str:
    return element.findtext(f"m:{name}", "", NAMESPACE)


def deployed(sobject: str) -> dict[str, Element]:
    file = "Activity" if sobject == "Task" else sobject
    return {
        text(field, "fullName"): field
        for field in parsed(f"objects/{file}.object").findall("m:fields", NAMESPACE)
    }


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.*")), ids=lambda path: path.name)
def test_every_file_is_well_formed_and_of_the_metadata_api(path: Path):
    assert etree.parse(path).getroot().tag.startswith(f"{{{NAMESPACE['m']}}}")


@pytest.mark.parametrize("entity", sorted(TARGETS))
def test_every_field_we_write_is_deployed_and_every_key_is_unique(entity: str):
    target = TARGETS[entity]
    held = deployed(target.sobject)
    custom = {name for name in target.fields.values() if name.endswith("__c")}
    assert custom <= held.keys()
    if target.key != "Id":
        key = held[target.key]
        stated = [text(key, name) for name in ("externalId", "unique", "caseSensitive")]
        assert stated == ["true", "true", "false"]


@pytest.mark.parametrize("entity", sorted(SOBJECTS))
def test_every_custom_field_we_read_is_deployed(entity: str):
    custom = {name for name in FIELDS[entity] if name.endswith("__c")}
    assert custom <= (deployed(SOBJECTS[entity]).keys() if custom else set())


@pytest.mark.parametrize("target", [one for one in TARGETS.values() if TURN in one.fields], ids=str)
def test_who_comes_late_is_refused_in_words_we_know(target: Target):
    [rule] = parsed(f"objects/{target.sobject}.object").findall("m:validationRules", NAMESPACE)
    told = [text(rule, name) for name in ("active", "errorConditionFormula", "errorMessage")]
    assert told[:2] == ["true", f"AND(NOT(ISNEW()), PRIORVALUE({TURN_FIELD}) > {TURN_FIELD})"]
    assert told[2].startswith(f"{OLDER_TURN}:")


def test_our_user_may_do_exactly_what_we_do():
    read = {f"{SOBJECTS[entity]}.{name}" for entity in SOBJECTS for name in FIELDS[entity]}
    write = {f"{target.sobject}.{name}" for target in TARGETS.values() for name in target.fields.values()}
    free = {f"{sobject}.{name}" for sobject, names in NOT_GRANTED.items() for name in names}
    free |= {name for name in write if name.endswith("__c.Name")}
    granted = {
        text(one, "field"): text(one, "editable") == "true"
        for one in parsed("permissionsets/Tieout_Integration.permissionset").findall(
            "m:fieldPermissions", NAMESPACE
        )
    }
    wanted = {GRANTED_AS.get(name, name): name in write for name in (read | write) - free}
    assert granted == wanted


def test_our_user_may_delete_nothing_and_change_no_contact():
    rights = {
        text(one, "object"): {
            name: text(one, name) == "true" for name in ("allowCreate", "allowEdit", "allowDelete")
        }
        for one in parsed("permissionsets/Tieout_Integration.permissionset").findall(
            "m:objectPermissions", NAMESPACE
        )
    }
    ours = {target.sobject for target in TARGETS.values() if target.sobject.endswith("__c")}
    assert {name for name, may in rights.items() if may["allowDelete"]} == set()
    assert {name for name, may in rights.items() if may["allowCreate"]} == ours | {"Opportunity"}
    assert {name for name, may in rights.items() if may["allowEdit"]} == ours | {"Account", "Opportunity"}
    assert rights.keys() == ours | {"Account", "Contact", "Opportunity", "Pricebook2", "Product2"}


def test_the_package_names_all_that_is_in_it_and_is_the_same_each_time():
    assert package() == package()
    with zipfile.ZipFile(io.BytesIO(package())) as archive:
        assert {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.*")} == set(
            archive.namelist()
        )
    named = {member.text for member in parsed("package.xml").iterfind(".//m:members", NAMESPACE)}
    custom = {path.stem for path in (FOLDER / "objects").glob("*__c.object")}
    fields = {
        f"{path.stem}.{name}"
        for path in (FOLDER / "objects").glob("*.object")
        if path.stem not in custom
        for name in deployed("Task" if path.stem == "Activity" else path.stem)
    }
    rules = {
        f"{path.stem}.{text(rule, 'fullName')}"
        for path in (FOLDER / "objects").glob("*.object")
        if path.stem not in custom
        for rule in parsed(f"objects/{path.name}").findall("m:validationRules", NAMESPACE)
    }
    assert named == custom | fields | rules | {"Tieout_Integration"}


def test_one_command_deploys_it(monkeypatch: pytest.MonkeyPatch):
    with salesforce_running({}) as org:
        given = {
            "DOMAIN": "acme.my",
            "CONSUMER_KEY": KEYS.salesforce_client_id,
            "CONSUMER_SECRET": KEYS.salesforce_client_secret,
            "ADDRESS": org.address,
        }
        for name, value in given.items():
            monkeypatch.setenv(f"TIEOUT_SALESFORCE_{name}", value)
        done = CliRunner().invoke(salesforce_app, ["deploy"])
        assert done.output == "31 components are deployed to acme.my\n"
        monkeypatch.setenv("TIEOUT_SALESFORCE_CONSUMER_SECRET", "wrong")
        refused = CliRunner().invoke(salesforce_app, ["deploy"])
        assert "wrong" not in str(refused.exception)
        assert isinstance(refused.exception, Fatal)


def test_what_is_missing_for_a_deployment_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("TIEOUT_SALESFORCE_DOMAIN", raising=False)
    with pytest.raises(Fatal, match="TIEOUT_SALESFORCE_DOMAIN"):
        CliRunner().invoke(salesforce_app, ["deploy"], catch_exceptions=False)


def test_a_package_that_lacks_a_part_is_deployed_not_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    shutil.copytree(FOLDER, tmp_path / "less")
    (tmp_path / "less" / "objects" / "Invoice__c.object").unlink()
    whole = package
    monkeypatch.setattr("include.connectors.salesforce.metadata.package", lambda: whole(tmp_path / "less"))
    with salesforce_running({}) as org, pytest.raises(Fatal, match=r"objects/Invoice__c\.object"):
        deploy(org.connect())
