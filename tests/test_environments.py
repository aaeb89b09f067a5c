"""Where Tieout runs: typed, checked on load, without secrets, and found by one setting."""

from pathlib import Path

import pytest
import yaml

from include.policy import FOLDER, load_policy, read_files, rules_sha256
from include.ports import Fatal
from tests.test_architecture import ROOT


def changed(folder: Path, **environments: object) -> Path:
    """The policy with other environments."""
    for path in FOLDER.glob("*.yaml"):
        (folder / path.name).write_bytes(path.read_bytes())
    stated = yaml.safe_load((folder / "environments.yaml").read_text())
    for name, facts in environments.items():
        stated[name] = {**stated.get(name, stated["dev"]), **facts}  # type: ignore[dict-item]
    (folder / "environments.yaml").write_text(yaml.safe_dump(stated))
    return folder


def test_one_setting_says_where_this_is_and_without_it_it_is_dev(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIEOUT_ENVIRONMENT", raising=False)
    assert load_policy().here == "dev"
    monkeypatch.setenv("TIEOUT_ENVIRONMENT", "prod")
    assert load_policy().environment.after == "staging"
    monkeypatch.setenv("TIEOUT_ENVIRONMENT", "production")
    with pytest.raises(Fatal, match=r"TIEOUT_ENVIRONMENT is production.*it knows dev, staging, prod"):
        load_policy()
    for name in (".env.example", "docker-compose.yaml"):
        assert "TIEOUT_ENVIRONMENT" in (ROOT / name).read_text()


def test_where_nothing_is_other_the_rules_have_one_name_and_where_something_is_another() -> None:
    dev, staging, prod = (load_policy(environment=name) for name in ("dev", "staging", "prod"))
    assert dev.sha256 == prod.sha256 == rules_sha256(read_files())
    assert staging.sha256 != prod.sha256
    assert staging.alerts.limits.large_sgd_minor == 10 * prod.alerts.limits.large_sgd_minor
    assert staging.alerts.limits.shown_max == prod.alerts.limits.shown_max
    assert staging.matching == prod.matching


def test_names_of_staging_lead_nowhere_else() -> None:
    known = {name: load_policy(environment=name).environment for name in ("dev", "staging", "prod")}
    usual = ("tieout_db", "salesforce_api", "erp_api", "payments_api")
    assert not {known["staging"].named(one) for one in usual} & {known["prod"].named(one) for one in usual}
    assert known["prod"].named("erp_api") == "erp_api"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"shadow": ["order"]}, "orders"),
        ({"connections": {"erp_api": "https://user:secret@erp.example"}}, "pattern"),
        ({"connections": {"erp_api": "one", "payments_api": "one"}}, "two connections one name"),
        ({"after": "nowhere"}, "comes after nowhere"),
        ({"differences": {"matching": {}}}, "alerts"),
        ({"differences": {"alerts": {"limits": {"shown_max": 0}}}}, "shown_max"),
        ({"password": "x"}, "Extra inputs"),
        ({"limits": {"settle_seconds": 1, "calls_seconds": 300, "radius_days": 1}}, "less than or equal"),
    ],
)
def test_what_is_wrong_with_any_of_them_is_found_everywhere(
    tmp_path: Path, wrong: dict[str, object], says: str
) -> None:
    with pytest.raises(Fatal, match=says):
        load_policy(changed(tmp_path, elsewhere=wrong), environment="dev")
