"""Journeys through whole processes. Helpers beside the tests say what they found when they fail, too."""

import pytest

pytest.register_assert_rewrite(__name__)
