"""Double descent: test error against width, from too narrow to absurdly wide."""

from __future__ import annotations

from ui.page import lab_page

lab_page("double_descent")
