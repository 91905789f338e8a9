"""Shared by tests: responses."""


def created(answer, status=201):
    assert answer.status_code == status, answer.text
    return answer.json
