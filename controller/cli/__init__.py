"""The commands, one file each; `output` is the only place that prints."""
