"""Secrets as code outside a job and tasks see them; inside a job see the conformance suite."""

import landbridge as lb
import pytest


def test_outside_a_job_a_variable_of_the_environment_stands_in(monkeypatch):
    monkeypatch.setenv("LANDBRIDGE_SECRET_DB_PASSWORD", "from the laptop")
    assert lb.secret("db_password") == "from the laptop"


def test_without_it_the_error_says_how_to(monkeypatch):
    monkeypatch.delenv("LANDBRIDGE_SECRET_DB_PASSWORD", raising=False)
    with pytest.raises(lb.errors.UnknownSecret) as raised:
        lb.secret("db_password")
    assert raised.value.code == "unknown_secret"
    assert raised.value.message == "There is no secret `db_password` outside a job."
    assert raised.value.hint == "Set the variable LANDBRIDGE_SECRET_DB_PASSWORD, or submit the code as a job."


@pytest.mark.parametrize("given", ["db_password", ["db_password"], ("db_password",)])
def test_a_task_takes_one_name_or_several(given):
    assert lb.task(print, secrets=given).fields()["secrets"] == ["db_password"]


def test_anything_else_is_refused_by_name():
    with pytest.raises(lb.errors.InvalidField, match="`secrets` cannot be `7`"):
        lb.task(print, secrets=7)
