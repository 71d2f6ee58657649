"""Claims: statements about the results of a study, checked against its table."""

from runner.claims.check import check
from runner.claims.grammar import Claim, claims_schema, read_claims
from runner.claims.result import Checked, exit_code

__all__ = ["Checked", "Claim", "check", "claims_schema", "exit_code", "read_claims"]
