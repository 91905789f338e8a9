import pytest

from ..support.waqf import WaqfFlow


@pytest.fixture
def waqf(sign_in, stripe_server, deliver):
    return WaqfFlow(sign_in, stripe_server, deliver)
