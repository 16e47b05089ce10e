"""Getting alive on a stranger's machine: the operating system's ways, and where files may live."""
