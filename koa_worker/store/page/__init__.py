"""What the web page asks of the store: the worklist, reader grades, accounts and the audit log."""
