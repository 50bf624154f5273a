"""GetCallerIdentity."""

from tests.support.server import Server


def test_get_caller_identity_tells_whose_key_it_is(server: Server) -> None:
    found = server.client("sts").get_caller_identity()
    assert found["Account"] == server.account
    assert found["UserId"] == "developer"
    assert found["Arn"] == f"arn:aws:iam::{server.account}:user/developer"


def test_get_caller_identity_outside_dev_mode_names_the_user(production: Server) -> None:
    found = production.client("sts").get_caller_identity()
    assert found["Arn"] == f"arn:aws:iam::{production.account}:user/tester"
