"""What happens to donations, applications and payments is mailed once, in its own transaction."""

import pytest
