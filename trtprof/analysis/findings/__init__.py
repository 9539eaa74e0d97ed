"""Why an engine is slow: one module a rule, records in and findings out.

A rule looks at one engine with everything known of it (:class:`~trtprof.analysis.findings.rule.Subject`) and returns
claims, an empty tuple for *found nothing*, or :class:`~trtprof.model.Unknown` for *cannot tell, because*.
:func:`~trtprof.analysis.findings.diagnose.diagnose` makes findings of the claims: it puts symptoms under their causes,
counts every layer once and scales savings to the engine's own latency.
"""
