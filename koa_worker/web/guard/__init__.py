"""Who may ask for what: hosts, sessions, rights, forged requests and the audit log."""
