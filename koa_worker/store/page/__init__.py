"""The store's functions for the web page: the worklist, reader grades, accounts and the audit log."""
