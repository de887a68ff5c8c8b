"""Every foreign document: parsed and rendered here, without I/O."""
