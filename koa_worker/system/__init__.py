"""What the operating system and the libraries give us: signals, disks, logs, service notices."""
