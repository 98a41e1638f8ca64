"""The services of the operating system and the libraries: signals, disks, logs, systemd, DICOM settings."""
