import pytest

# Helpers beside the system's tests say what they found when they fail, too.
pytest.register_assert_rewrite("tests.system")
