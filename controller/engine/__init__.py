"""Use-cases: order of calls, deadlines, gathering, judging. No library of the edges is imported here."""
