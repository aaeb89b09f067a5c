"""The `tieout` command: one module a group of commands."""
