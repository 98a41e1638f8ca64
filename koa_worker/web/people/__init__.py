"""The users of the page: login, the own account, the administration of users."""
