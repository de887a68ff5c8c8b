"""How the forms of reports are called on the command line."""

from controller.wire.report import ReportForm

REPORT_FORMS = {"policyreport": ReportForm.POLICY_REPORT, "openreports": ReportForm.OPEN_REPORTS}
