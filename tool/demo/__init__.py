"""The parts of tool/demonstration: found (milters of this host), programs (run and stop them), result (the table)."""
